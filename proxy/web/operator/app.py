"""The operator listener's application: the API's routes, metrics and health."""

from aiohttp import web

from proxy.web.operator import keys, ledger, margins, rates, tenants, wallets
from proxy.web.operator.doors import DOORS, OperatorDoors
from proxy.web.operator.messages import BODY_BYTES_MAX, PREFIX, admin_only, faults
from proxy.web.ops import ops_routes


def operator_app(doors: OperatorDoors) -> web.Application:
    """Return the application that serves `operator_listen`."""
    app = web.Application(middlewares=[faults, admin_only], client_max_size=BODY_BYTES_MAX)
    app[DOORS] = doors
    app.add_routes(ops_routes(doors.readiness, doors.registry))
    app.add_routes(_api_routes())
    return app


def _api_routes() -> list[web.RouteDef]:
    """Return the API as a table: method, path, handler."""
    return [
        web.post(f"{PREFIX}/tenants", tenants.create_tenant),
        web.get(f"{PREFIX}/tenants", tenants.list_tenants),
        web.get(f"{PREFIX}/tenants/{{tenant}}", tenants.show_tenant),
        web.post(f"{PREFIX}/tenants/{{tenant}}/suspend", tenants.suspend_tenant),
        web.post(f"{PREFIX}/tenants/{{tenant}}/resume", tenants.resume_tenant),
        web.post(f"{PREFIX}/keys", keys.create_key),
        web.get(f"{PREFIX}/keys", keys.list_keys),
        web.post(f"{PREFIX}/keys/{{key}}/rotate", keys.rotate_key),
        web.post(f"{PREFIX}/keys/{{key}}/revoke", keys.revoke_key),
        web.post(f"{PREFIX}/credits", wallets.create_credit),
        web.get(f"{PREFIX}/balances/{{tenant}}", wallets.show_balance),
        web.put(f"{PREFIX}/margins", margins.set_margin),
        web.post(f"{PREFIX}/margins", margins.set_margin),
        web.get(f"{PREFIX}/margins", margins.list_margins),
        web.get(f"{PREFIX}/rates", rates.list_rates),
        web.get(f"{PREFIX}/ledger", ledger.list_entries),
        web.get(f"{PREFIX}/ledger/{{entry}}", ledger.show_entry),
        web.get(f"{PREFIX}/calls", ledger.list_calls),
        web.get(f"{PREFIX}/holds", ledger.list_holds),
        web.get(f"{PREFIX}/exposures", ledger.list_exposures),
        web.get(f"{PREFIX}/verify", ledger.verify),
    ]
