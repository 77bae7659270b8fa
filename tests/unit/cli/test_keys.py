import pytest


@pytest.fixture(autouse=True)
def tenant(faregate) -> str:
    return str(faregate.done("tenant", "create", "acme")["id"])


def test_create_gives_id_and_key(faregate, tenant: str) -> None:
    made = faregate.done("key", "create", "acme")
    assert made["id"].startswith("key_")
    assert made["key"].startswith("fg-")
    assert (made["tenant"], made["app"], made["scopes"]) == (tenant, "", ["proxy", "billing:read"])


def test_create_with_everything(faregate) -> None:
    made = faregate.done(
        *("key", "create", "acme", "--app", "bot", "--scope", "proxy", "--scope", "unmetered"),
        *("--expires", "2030-01-01", "--integration", "acme", "--model", "small"),
        *("--network", "10.0.0.0/8"),
    )
    assert (made["app"], made["scopes"]) == ("bot", ["proxy", "unmetered"])
    assert made["expires_at"] == "2030-01-01T00:00:00.000000Z"
    assert (made["integrations"], made["models"], made["networks"]) == (["acme"], ["small"], ["10.0.0.0/8"])
    assert "acme, small, 10.0.0.0/8" in faregate.shown("key", "list")


def test_the_key_is_printed_once(faregate) -> None:
    ran = faregate.run("key", "create", "acme")
    secret = next(line.split()[1] for line in ran.out.splitlines() if line.startswith("key "))
    assert secret.startswith("fg-")
    assert ran.err == "keep the key now: it is never shown again\n"
    assert secret not in faregate.shown("key", "list")
    assert secret[-4:] in faregate.shown("key", "list", "acme")


def test_rotate_and_revoke(faregate) -> None:
    old = faregate.done("key", "create", "acme", "--app", "bot")
    new = faregate.done("key", "rotate", old["id"])
    assert (new["replaces"], new["app"]) == (old["id"], "bot")
    assert faregate.done("key", "show", old["id"])["replaced_by"] == new["id"]
    newest = faregate.done("key", "rotate", new["id"], "--overlap", "0h", "--expires", "8w")
    assert newest["expires_at"]
    assert faregate.done("key", "show", new["id"])["state"] == "expired"
    assert faregate.done("key", "revoke", newest["id"])["revoked_at"]
    assert [key["state"] for key in faregate.done("key", "list", "acme")["data"]] == ["active", "expired", "revoked"]
    assert "is revoked" in faregate.failed("key", "rotate", newest["id"])
    assert faregate.failed("key", "revoke", "key_none") == "there is no key key_none"


def test_refusals_of_the_server(faregate) -> None:
    assert faregate.failed("key", "create", "acme", "--scope", "all").startswith("scopes: 'all' is unknown")
    assert faregate.failed("key", "create", "acme", "--expires", "-5d").startswith("expires: '-5d'")
