from proxy.web.operator.app import operator_app
from proxy.web.operator.doors import DOORS
from proxy.web.operator.messages import PREFIX
from proxy.web.ops import OPEN_PATHS


async def test_every_route_but_the_open_ones_is_under_the_prefix_and_needs_the_token(api) -> None:
    app = operator_app(api.client.app[DOORS])
    paths = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    for method, path in paths:
        if method == "HEAD":
            continue
        response = await api.client.request(method, path)
        assert (response.status == 401) == (path not in OPEN_PATHS)
        assert path in OPEN_PATHS or path.startswith(PREFIX)
    nouns = {path.removeprefix(f"{PREFIX}/").split("/")[0] for _, path in paths}
    assert nouns >= {"tenants", "keys", "credits", "balances", "margins", "rates", "ledger", "calls", "verify"}


async def test_the_router_and_the_document_name_the_same_routes(api) -> None:
    app = operator_app(api.client.app[DOORS])
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    document = await api.done("GET", "/openapi.json")
    described = {(method.upper(), PREFIX + path) for path, methods in document["paths"].items() for method in methods}
    # HEAD goes with every GET.
    assert {(method, path) for method, path in served if path not in OPEN_PATHS and method != "HEAD"} == described
