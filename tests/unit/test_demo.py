"""What a newcomer is set up with and shown: credit once, a fresh key each time, lines that name both."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.books import CARD, NOW, StillClock
from doubles.scene import CountedIds

from proxy.demo import CREDIT_NANOS, TENANT, welcome
from proxy.loading.providers import load_providers
from proxy.loading.shipped import shipped
from proxy.store.sqlite.store import SqliteStore
from proxy.tenants.key import hash_secret

EDGE, OPERATOR = "http://127.0.0.1:8090", ("http://127.0.0.1:8091", "the-token")
PROVIDERS = load_providers(shipped("config") / "providers", None)
SHOWN = sorted(name for name, provider in PROVIDERS.items() if provider.example is not None)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "demo.db", StillClock())
    await made.open(CARD)
    yield made
    await made.close()


class Starts:
    """Starts of the demo, one after another, on the same books."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.ids, self.secrets = store, CountedIds(), list[str]()

    def make_secret(self) -> str:
        self.secrets.append(f"fg-secret-{len(self.secrets) + 1}")
        return self.secrets[-1]

    async def start(self) -> str:
        return await welcome(self.store, StillClock(), self.ids, self.make_secret, PROVIDERS, EDGE, OPERATOR)


async def test_the_key_that_is_shown_works(store: SqliteStore) -> None:
    text = await Starts(store).start()
    assert re.search(r"^  key      fg-secret-1$", text, re.MULTILINE)
    holder = await store.holder(hash_secret("fg-secret-1"))
    assert holder is not None
    assert (holder.tenant.name, holder.tenant.test, holder.key.revoked_at) == (TENANT, False, None)
    assert (holder.key.app, holder.key.hint) == ("demo", "et-1")
    assert f"tenant   demo ({holder.tenant.id})" in text


async def test_each_start_makes_a_new_key_and_ends_the_old_ones(store: SqliteStore) -> None:
    """Keys are kept as hashes, so an old one cannot be shown again."""
    starts = Starts(store)
    first, second, third = [await starts.start() for _ in range(3)]
    assert "fg-secret-3" in third
    assert "fg-secret-1" not in second + third
    assert "fg-secret-2" not in first + third
    holders = [await store.holder(hash_secret(secret)) for secret in starts.secrets]
    assert [holder.key.revoked_at if holder else "" for holder in holders] == [NOW, NOW, None]


async def test_credit_is_given_once(store: SqliteStore) -> None:
    starts = Starts(store)
    first = await starts.start()
    tenant = await store.find_tenant(TENANT)
    second = await starts.start()
    assert (await store.wallet(tenant.id)).balance == CREDIT_NANOS == 10_000_000_000
    [entry] = await store.entries(tenant.id, 10)
    assert (entry.kind, entry.amount_nanos, entry.reference) == ("credit", CREDIT_NANOS, "demo credit")
    assert "balance  10 USD" in first
    assert "balance  10 USD" in second


def blocks(text: str, title: str) -> str:
    """Return what stands below a title, to the next one."""
    below = text.split(f"  {title}\n", 1)[1]
    return re.split(r"^  (?:[\w-]+: with|what it cost)", below, maxsplit=1, flags=re.MULTILINE)[0].strip()


async def test_what_is_shown_for_each_provider(store: SqliteStore) -> None:
    text = await Starts(store).start()
    assert {"anthropic", "gemini", "openai"} <= set(SHOWN)
    assert "{base}" not in text
    assert "{key}" not in text
    for name in SHOWN:
        curl, python = blocks(text, f"{name}: with curl"), blocks(text, f"{name}: with its own SDK")
        # curl resolves *.localhost by itself; Python's resolver often does not, so the SDK gets the path form.
        assert curl.startswith("curl "), curl
        assert f"http://{name}-proxy.localhost:8090/" in curl, curl
        assert f'"{EDGE}/{name}' in python
        assert curl.count("fg-secret-1") == python.count("fg-secret-1") == 1
        compile(python, "snippet", "exec")


async def test_how_to_look_at_the_ledger(store: SqliteStore) -> None:
    text = await Starts(store).start()
    assert "    export FAREGATE_OPERATOR_URL=http://127.0.0.1:8091 FAREGATE_ADMIN_TOKEN=the-token\n" in text
    assert "    faregate balance demo\n    faregate ledger list demo\n" in text
