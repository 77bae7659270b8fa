"""What a supervisor asks of a process: its metrics, whether it lives, whether to send it traffic."""

import asyncio
from enum import StrEnum

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

OPEN_PATHS = frozenset({"/metrics", "/healthz", "/readyz"})


class Stage(StrEnum):
    """A process starts (schema, recovery), serves, drains, and only in that order."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Readiness:
    """Whether traffic should come here: start-up and shutdown change it, `/readyz` reads it."""

    def __init__(self) -> None:
        self.stage = Stage.STARTING
        self.reason = "recovery has not finished"

    def ready(self) -> None:
        """Say that recovery is done. A process that already drains stays out of traffic."""
        if self.stage is Stage.STARTING:
            self.stage, self.reason = Stage.READY, ""

    def draining(self) -> None:
        """Say that a stop was asked for: running calls finish, new ones should go elsewhere."""
        self.stage, self.reason = Stage.DRAINING, "the process is stopping"


def ops_routes(readiness: Readiness, registry: CollectorRegistry) -> list[web.RouteDef]:
    """Return `/metrics`, `/healthz` and `/readyz`. They need no token and tell nothing about tenants."""

    async def metrics(_: web.Request) -> web.Response:
        # On a thread, because some of it is read from files and all of it takes milliseconds that calls need.
        # The format is fixed, whatever a scraper accepts: every version of Prometheus reads it.
        page = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        if readiness.stage is Stage.READY:
            return web.json_response({"status": readiness.stage})
        return web.json_response({"status": readiness.stage, "reason": readiness.reason}, status=503)

    return [web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)]
