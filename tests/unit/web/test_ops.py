from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from proxy.web.ops import OPEN_PATHS, Readiness, Stage, ops_routes


async def test_ops(aiohttp_client) -> None:
    readiness, registry = Readiness(), CollectorRegistry()
    Counter("faregate_calls", "Calls.", ["integration"], registry=registry).labels("acme").inc()
    app = web.Application()
    app.add_routes(ops_routes(readiness, registry))
    client = await aiohttp_client(app)

    async def readyz() -> tuple[int, dict[str, str]]:
        response = await client.get("/readyz")
        return response.status, await response.json()

    assert (await client.get("/healthz")).status == 200
    assert await readyz() == (503, {"status": "starting", "reason": "recovery has not finished"})
    readiness.ready()
    assert await readyz() == (200, {"status": "ready"})
    readiness.draining()
    assert await readyz() == (503, {"status": "draining", "reason": "the process is stopping"})
    assert (await client.get("/healthz")).status == 200

    metrics = await client.get("/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain; version=")
    assert 'faregate_calls_total{integration="acme"} 1.0' in await metrics.text()


def test_a_process_that_drains_never_becomes_ready() -> None:
    readiness = Readiness()
    readiness.draining()
    readiness.ready()
    assert readiness.stage is Stage.DRAINING


def test_open_paths_are_the_routes() -> None:
    assert {route.path for route in ops_routes(Readiness(), CollectorRegistry())} == OPEN_PATHS
