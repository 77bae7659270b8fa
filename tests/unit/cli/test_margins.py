def test_set_and_list(faregate) -> None:
    tenant = faregate.done("tenant", "create", "acme")["id"]
    assert faregate.done("margin", "set", "-100", "--tenant", "acme")["tenant"] == tenant
    narrow = faregate.done("margin", "set", "--meter", "acme.input_tokens", "12.5")
    assert (narrow["level"], narrow["pct"]) == ("meter", "12.5")
    assert faregate.done("margin", "set", "5", "--integration", "acme", "--meter", "input_tokens")["level"] == "meter"
    listed = faregate.done("margin", "list")
    assert {(row["level"], row["pct"]) for row in listed["data"]} == {("tenant", "-100"), ("meter", "5")}


def test_for_people_the_default_is_listed_until_it_is_replaced(faregate) -> None:
    assert faregate.shown("margin", "list").splitlines()[1].split() == ["global", "-", "-", "-", "20", "default"]
    assert "pct          30" in faregate.shown("margin", "set", "30")
    (row,) = faregate.shown("margin", "list").splitlines()[1:]
    assert row.split()[:5] == ["global", "-", "-", "-", "30"]


def test_refusals(faregate) -> None:
    assert faregate.failed("margin", "set", "-101") == "pct: -101 is not between -100 and 1000000"
    assert "is unknown" in faregate.failed("margin", "set", "5", "--integration", "nobody")
    assert "not a decimal" in faregate.failed("margin", "set", "20%", code=2)


def test_unset(faregate) -> None:
    faregate.done("margin", "set", "30")
    faregate.done("margin", "set", "5", "--integration", "acme")
    assert faregate.done("margin", "unset", "--integration", "acme")["pct"] is None
    assert "level        global\n" in faregate.shown("margin", "unset")
    assert faregate.done("margin", "list")["data"] == []
    assert faregate.failed("margin", "unset").startswith("there is no margin for everything; `faregate margin list`")


def test_explain(faregate) -> None:
    faregate.done("tenant", "create", "acme")
    faregate.done("margin", "set", "7", "--integration", "acme")
    faregate.done("margin", "set", "3", "--tenant", "acme", "--meter", "acme.audio_seconds")
    document = faregate.done("margin", "explain", "--tenant", "acme", "--meter", "acme.audio_seconds")
    assert (document["level"], document["pct"], len(document["levels"])) == ("tenant_meter", "3", 6)
    shown = faregate.shown("margin", "explain", "--tenant", "acme", "--integration", "acme").splitlines()
    assert shown[0] == "margin      7 %"
    assert [line.split() for line in shown if line.startswith("integration ")] == [
        ["integration", "-", "acme", "-", "7", "decides"]
    ]
    assert shown[-1].split() == ["acme.audio_seconds", "tenant_meter", "3"]
    assert "default" not in shown
    assert "(built in: none was set)" in faregate.shown("margin", "explain", "--integration", "bolt")
