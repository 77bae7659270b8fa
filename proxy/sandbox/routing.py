"""Finds the route of a request: by its exact path where that is plain, else by the templates in order."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from proxy.providers.template import Template, compile_template
from proxy.sandbox.shapes import Route, Shapes


class RouteTable:
    """The routes of one provider."""

    def __init__(self, shapes: Shapes) -> None:
        self._plain: dict[str, dict[str, Route]] = {}
        self._templates: list[tuple[Template, Route]] = []
        for route in shapes.routes:
            if "{" in route.path:
                self._templates.append((_compile(route.path, shapes.escapes), route))
            else:
                self._plain.setdefault(route.path, {})[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route | None, Mapping[str, str], bool]:
        """Return the route and its path's parameters, decoded; without one, whether the path is known at all."""
        known = self._plain.get(path)
        if known:
            return known.get(method), {}, True
        seen = False
        for template, route in self._templates:
            found = template.match(path)
            if found is not None:
                if route.method == method:
                    return route, {name: unquote(value) for name, value in found.items()}, True
                seen = True
        return None, {}, seen


def _compile(path: str, escapes: Sequence[str]) -> Template:
    names = re.findall(r"\{([a-z_]+)\}", path)
    return compile_template(path, dict.fromkeys(names, escapes))
