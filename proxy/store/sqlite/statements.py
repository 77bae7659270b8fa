"""The named queries of `proxy/store/sql/sqlite`, typed: a name that is missing on either side fails at import."""

from msgspec import Struct

from proxy.store.sql.queries import load


class LedgerSql(Struct, frozen=True, forbid_unknown_fields=True):
    """What the writer thread says inside its transactions."""

    find_wallets: str
    find_holds: str
    find_wallet: str
    find_hold: str
    find_entry: str
    find_call_entry: str
    call_exposure: str
    write_wallet: str
    insert_hold: str
    write_hold: str
    insert_entry: str
    insert_exposure: str
    insert_call: str
    insert_record: str
    insert_object: str
    write_tokens: str
    delete_object: str
    insert_work: str
    find_work: str


class CapSql(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said and asked of spend caps."""

    in_force: str
    find_cap: str
    write_cap: str
    find_window: str
    write_window: str
    last_entry_before: str
    spent_after: str
    windows: str
    held_on: str


class DirectorySql(Struct, frozen=True, forbid_unknown_fields=True):
    """What calls ask before they hold anything."""

    find_holder: str
    find_wallet: str
    find_object: str
    open_holds_before: str
    open_work: str
    work_behind: str
    rate_card: str
    margins: str


class RegistrySql(Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's deeds and reads."""

    insert_tenant: str
    insert_wallet: str
    find_tenant: str
    tenants_named: str
    tenants: str
    write_tenant_state: str
    insert_key: str
    find_key: str
    key_taken: str
    keys: str
    tenant_keys: str
    revoke_key: str
    replace_key: str
    write_use: str
    write_minimum: str
    find_credit: str
    insert_audit: str
    audit: str
    insert_margin: str
    find_margin: str
    margins: str
    entries: str
    calls: str
    calls_before: str
    exposures: str
    open_holds: str
    held: str
    caps: str


class StartSql(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said once, when the database is opened."""

    next_epoch: str
    insert_rate_card: str
    insert_rate_card_content: str
    find_rate_card: str
    last_rate_card: str
    wallets_astray: str
    caps_astray: str


class AuditSql(Struct, frozen=True, forbid_unknown_fields=True):
    """What verification asks."""

    wallets: str
    entries: str
    rate_card: str
    margins: str
    open_holds: str
    held_sum: str
    strays: str


LEDGER = load("sqlite/ledger.sql", LedgerSql)
CAPS = load("sqlite/caps.sql", CapSql)
DIRECTORY = load("sqlite/directory.sql", DirectorySql)
REGISTRY = load("sqlite/registry.sql", RegistrySql)
START = load("sqlite/start.sql", StartSql)
AUDIT = load("sqlite/audit.sql", AuditSql)
