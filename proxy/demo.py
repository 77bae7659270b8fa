"""What `faregate demo` sets up and prints: a tenant with credit, a fresh key, and lines that work as they stand."""

from collections.abc import Callable, Mapping

from proxy.clock import Clock, date_of
from proxy.errors import BadRequest
from proxy.ids import Ids
from proxy.ledger.entry import Kind
from proxy.ledger.transitions import Deposit
from proxy.loading.providers import Provider
from proxy.money import NANOS_PER_USD, format_usd
from proxy.store.doors import Store
from proxy.tenants.key import Key, hash_secret
from proxy.tenants.tenant import Tenant

TENANT = "demo"
CREDIT_NANOS = 10 * NANOS_PER_USD


async def welcome(
    store: Store,
    clock: Clock,
    ids: Ids,
    make_secret: Callable[[], str],
    providers: Mapping[str, Provider],
    edge: str,
    operator: tuple[str, str],
) -> str:
    """Make the demo tenant if it is not there, give it a new key, and return what a newcomer is shown."""
    tenant = await _tenant(store, clock, ids)
    secret = make_secret()
    for old in await store.keys(tenant.id, 1000):
        if old.revoked_at is None:
            await store.revoke_key(old.id, clock.now())
    key = Key(ids.new("key"), tenant.id, app="demo", hint=secret[-4:], created_at=clock.now())
    await store.create_key(key, hash_secret(secret))
    wallet = await store.wallet(tenant.id)
    return _text(tenant, secret, wallet.balance, providers, edge, operator)


async def _tenant(store: Store, clock: Clock, ids: Ids) -> Tenant:
    try:
        return await store.find_tenant(TENANT)
    except BadRequest:
        now = clock.now()
        tenant = await store.create_tenant(Tenant(ids.new("tnt"), TENANT, created_at=now))
        given = Deposit(ids.new("led"), tenant.id, Kind.CREDIT, CREDIT_NANOS, now, date_of(now), "demo credit")
        await store.deposit(given)
        return tenant


def _text(
    tenant: Tenant, secret: str, balance: int, providers: Mapping[str, Provider], edge: str, operator: tuple[str, str]
) -> str:
    port = edge.rpartition(":")[2]
    lines = [
        "",
        f"  tenant   {tenant.name} ({tenant.id})",
        f"  balance  {format_usd(balance)} USD",
        f"  key      {secret}",
        "",
    ]
    for name, provider in providers.items():
        if provider.example is None:
            continue
        by_host = f"http://{name}-proxy.localhost:{port}"
        lines += [f"  {name}: with curl", "", _filled(provider.example.curl, by_host, secret)]
        lines += [
            f"  {name}: with its own SDK",
            "",
            _filled(provider.example.python, f"{edge}/{name}", secret),
        ]
    lines += [
        "  what it cost, from another shell:",
        "",
        f"    export FAREGATE_OPERATOR_URL={operator[0]} FAREGATE_ADMIN_TOKEN={operator[1]}",
        f"    faregate balance {tenant.name}",
        f"    faregate ledger list {tenant.name}",
        "",
    ]
    return "\n".join(lines) + "\n"


def _filled(example: str, base: str, key: str) -> str:
    return example.replace("{base}", base).replace("{key}", key)
