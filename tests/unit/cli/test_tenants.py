def test_create_show_suspend_resume(faregate) -> None:
    made = faregate.done("tenant", "create", "Acme / Co", "--test")
    assert set(made) == {"id", "name", "state", "test", "created_at"}
    assert made["test"] is True
    for name in (made["id"], "Acme / Co"):
        assert faregate.done("tenant", "show", name)["balance_usd"] == "0"
    assert faregate.done("tenant", "suspend", "Acme / Co")["state"] == "suspended"
    assert faregate.done("tenant", "resume", made["id"])["state"] == "active"


def test_list_is_the_documents_of_the_api(faregate) -> None:
    ids = [faregate.done("tenant", "create", name)["id"] for name in ("a", "b", "c")]
    page = faregate.done("tenant", "list", "--limit", "2")
    assert ([t["id"] for t in page["data"]], page["has_more"]) == (ids[:2], True)
    assert [t["id"] for t in faregate.done("tenant", "list", "--after", ids[1])["data"]] == ids[2:]


def test_for_people(faregate) -> None:
    ran = faregate.run("tenant", "create", "acme")
    assert "name        acme\n" in ran.out
    assert "test        no\n" in ran.out
    assert ran.err.startswith("next: faregate key create tnt_")
    faregate.done("credit", "acme", "12.5")
    header, row = faregate.shown("tenant", "list").splitlines()
    assert header.split() == ["id", "name", "state", "test", "balance", "USD", "held", "USD", "created"]
    assert row.split()[1:6] == ["acme", "active", "no", "12.5", "0"]
    faregate.done("tenant", "create", "other")
    more = faregate.run("tenant", "list", "--limit", "1")
    assert more.err.startswith("... more: add --after tnt_")


def test_unknown_and_ambiguous_names(faregate) -> None:
    assert faregate.failed("tenant", "show", "nobody") == "there is no tenant nobody"
    for _ in range(2):
        faregate.done("tenant", "create", "twin")
    assert "twin" in faregate.failed("balance", "twin")


def test_minimum(faregate) -> None:
    faregate.done("tenant", "create", "acme")
    assert faregate.done("tenant", "minimum", "acme", "-5")["minimum_usd"] == "-5"
    assert "minimum_usd  2.5\n" in faregate.shown("tenant", "minimum", "acme", "2.5")
    assert "not a decimal" in faregate.failed("tenant", "minimum", "acme", "much", code=2)
