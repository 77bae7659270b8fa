def test_set_list_unset(faregate) -> None:
    tenant = faregate.done("tenant", "create", "acme")["id"]
    key = faregate.done("key", "create", "acme", "--app", "bot")["id"]
    whole = faregate.done("cap", "set", "5", "--daily", "--tenant", "acme")
    assert (whole["tenant"], whole["window"], whole["limit_usd"], whole["app"]) == (tenant, "daily", "5", None)
    narrow = ("--monthly", "--tenant", "acme", "--app", "bot", "--key", key, "--integration", "acme", "--model", "sm*")
    made = faregate.done("cap", "set", "0.000000001", *narrow)
    assert {name: made[name] for name in ("window", "app", "key", "integration", "model")} == {
        "window": "monthly",
        "app": "bot",
        "key": key,
        "integration": "acme",
        "model": "sm*",
    }
    assert faregate.done("cap", "list", "--tenant", "acme")["data"] == [whole, made]
    assert faregate.done("cap", "list", "--limit", "1", "--after", whole["id"])["data"] == [made]
    assert faregate.done("cap", "unset", *narrow) == made | {"limit_usd": None, "left_usd": None}
    assert faregate.done("cap", "list")["data"] == [whole]


def test_for_people(faregate, live) -> None:
    tenant = faregate.done("tenant", "create", "acme")["id"]
    faregate.done("credit", "acme", "10")
    assert "limit_usd    5\n" in faregate.shown("cap", "set", "5", "--daily", "--tenant", "acme")
    faregate.shown("cap", "set", "4", "--monthly", "--tenant", "acme", "--app", "bot", "--model", "small")
    live.wait(live.desk.hold(tenant, 4_000_000_000))
    header, whole, narrow = faregate.shown("cap", "list").splitlines()
    assert header.split()[:4] == ["id", "tenant", "window", "only"]
    assert header.split()[4:] == [*(f for n in ("limit", "spent", "held", "left") for f in (n, "USD")), "resets"]
    assert whole.split()[2:] == ["daily", "-", "5", "0", "4", "1", "2026-11-19", "00:00:00Z"]
    assert " monthly  app bot, model small " in narrow
    assert narrow.split()[-6:] == ["4", "0", "0", "4", "2026-12-01", "00:00:00Z"]
    [_, near] = faregate.shown("cap", "list", "--near").splitlines()
    assert near.split() == whole.split()
    unset = faregate.shown("cap", "unset", "--daily", "--tenant", "acme")
    assert "held_usd     4\n" in unset
    assert "limit_usd" not in unset


def test_refusals(faregate) -> None:
    faregate.done("tenant", "create", "acme")
    assert faregate.failed("cap", "set", "5", "--tenant", "acme", code=2).startswith(
        "Give one of --daily and --monthly."
    )
    both = ("--tenant", "acme", "--daily", "--monthly")
    assert faregate.failed("cap", "set", "5", *both, code=2).startswith("Give one of --daily and --monthly.")
    assert "--tenant" in faregate.failed("cap", "set", "5", "--daily", code=2)
    assert "not a decimal" in faregate.failed("cap", "set", "much", "--daily", "--tenant", "acme", code=2)
    assert faregate.failed("cap", "set", "-1", "--daily", "--tenant", "acme").startswith(
        "limit_usd: a cap is at least 0"
    )
    assert "there is no daily cap" in faregate.failed("cap", "unset", "--daily", "--tenant", "acme")
    assert "there is no tenant nobody" in faregate.failed("cap", "list", "--tenant", "nobody")
