"""The operator listener's application: the API's routes, metrics and health."""

from aiohttp import web

from proxy.web.operator.dispatch import route_def
from proxy.web.operator.doors import DOORS, OperatorDoors
from proxy.web.operator.messages import BODY_BYTES_MAX, admin_only, faults
from proxy.web.operator.routes import ROUTES
from proxy.web.ops import ops_routes


def operator_app(doors: OperatorDoors) -> web.Application:
    """Return the application that serves `operator_listen`."""
    app = web.Application(middlewares=[faults, admin_only], client_max_size=BODY_BYTES_MAX)
    app[DOORS] = doors
    app.add_routes(ops_routes(doors.readiness, doors.registry))
    app.add_routes([route_def(route) for route in ROUTES])
    return app
