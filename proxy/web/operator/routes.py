"""The operator API as a table: one row a route. The router and the OpenAPI document are both made from it."""

from msgspec import Raw, json

from proxy.web.operator import (
    audit,
    calls,
    caps,
    exports,
    keys,
    ledger,
    margins,
    quotes,
    rates,
    server,
    tenants,
    usage,
    wallets,
)
from proxy.web.operator.doors import Visit
from proxy.web.operator.openapi import openapi
from proxy.web.operator.route import NDJSON, Route


async def show_openapi(visit: Visit) -> Raw:  # noqa: ARG001  # every handler is handed the visit
    """Show this document. It is OpenAPI 3.1, made from the types that the server decodes into."""
    return Raw(json.encode(openapi(ROUTES)))


ROUTES = (
    Route("POST", "/tenants", tenants.create_tenant, 201),
    Route("GET", "/tenants", tenants.list_tenants),
    Route("GET", "/tenants/{tenant}", tenants.show_tenant),
    Route("POST", "/tenants/{tenant}/suspend", tenants.suspend_tenant),
    Route("POST", "/tenants/{tenant}/resume", tenants.resume_tenant),
    Route("PUT", "/tenants/{tenant}/minimum", tenants.set_minimum),
    Route("POST", "/keys", keys.create_key, 201),
    Route("GET", "/keys", keys.list_keys),
    Route("GET", "/keys/{key}", keys.show_key),
    Route("POST", "/keys/{key}/rotate", keys.rotate_key, 201),
    Route("POST", "/keys/{key}/revoke", keys.revoke_key),
    Route("POST", "/credits", wallets.create_credit, 201),
    Route("GET", "/balances/{tenant}", wallets.show_balance),
    Route("PUT", "/margins", margins.set_margin),
    Route("POST", "/margins", margins.set_margin, alias="post_margin"),
    Route("GET", "/margins", margins.list_margins),
    Route("DELETE", "/margins", margins.unset_margin),
    Route("GET", "/margins/explain", margins.explain_margin),
    Route("PUT", "/caps", caps.set_cap),
    Route("GET", "/caps", caps.list_caps),
    Route("DELETE", "/caps", caps.unset_cap),
    Route("GET", "/rates", rates.list_rates),
    Route("GET", "/rates/{integration}/{model}", rates.show_rates),
    Route("POST", "/rates/sync", rates.sync_rates),
    Route("POST", "/quote", quotes.quote, asks=True),
    Route("GET", "/ledger", ledger.list_entries),
    Route("GET", "/ledger/export", exports.export_ledger, produces=(exports.CSV, NDJSON)),
    Route("GET", "/ledger/{entry}", ledger.show_entry),
    Route("GET", "/ledger/{entry}/explain", ledger.explain_entry),
    Route("GET", "/calls", calls.list_calls),
    Route("GET", "/calls/{call}", calls.show_call),
    Route("GET", "/holds", calls.list_holds),
    Route("GET", "/exposures", calls.list_exposures),
    Route("GET", "/usage", usage.show_usage),
    Route("GET", "/verify", ledger.verify),
    Route("GET", "/audit", audit.list_audit),
    Route("POST", "/reload", server.reload),
    Route("GET", "/verify/progress", ledger.follow_verification, produces=(NDJSON,)),
    Route("GET", "/openapi.json", show_openapi),
)
