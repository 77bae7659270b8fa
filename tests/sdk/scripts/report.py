"""What the scripts share: what they are told, and what they tell. Runs in an SDK's environment, on its libraries alone.

Told on standard input, as JSON: where Faregate is, and keys. Told on standard output, as JSON: `results` by name, and
`metered`, every call that should be in the ledger, in order, with the usage that the SDK showed.
"""

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

SETTLED_WITHIN_S = 10.0
COUNTED = ("faregate_calls_total{", 'faregate_refusals_total{code="unknown_endpoint"}')
"""Calls of routes that are known, and those of routes that are not."""


class Report:
    """Gathers what a script finds."""

    def __init__(self) -> None:
        self.told: dict[str, str] = json.load(sys.stdin)
        self.results: dict[str, Any] = {}
        self.metered: list[dict[str, Any]] = []

    def note(self, name: str, value: Any) -> None:
        """Keep a finding. A name is used once."""
        assert name not in self.results, name
        self.results[name] = value

    def meter(self, name: str, model: str, usage: dict[str, int | None] | None) -> None:
        """Keep the usage of a call that is charged; None if the SDK showed none."""
        known = None if usage is None else {unit: count or 0 for unit, count in usage.items()}
        self.metered.append({"name": name, "model": model, "usage": known})

    def fails(self, name: str, call: Callable[[], Any]) -> None:
        """Make a call that has to fail; keep its error, and how many requests reached Faregate."""
        before = self._arrived()
        try:
            value: Any = call()
        except Exception as error:  # noqa: BLE001  # which error it is, is the finding
            found = described(error)
        else:
            found = {"class": "", "message": f"it did not fail: {value!r}"}
        self.note(name, {**found, "requests": self._arrived() - before})

    def _arrived(self) -> int:
        """Return how many calls there were by now, once none is under way: one is counted when it ends."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while True:
            with urllib.request.urlopen(f"{self.told['operator']}/metrics") as answer:
                lines = answer.read().decode().splitlines()
            if "faregate_open_holds 0.0" in lines:
                return sum(int(float(line.split()[-1])) for line in lines if line.startswith(COUNTED))
            assert time.monotonic() < deadline, "a call does not end"
            time.sleep(0.02)

    def tell(self) -> None:
        """Write it all."""
        json.dump({"results": self.results, "metered": self.metered}, sys.stdout, default=str)


def described(error: Exception) -> dict[str, Any]:
    """Return what an application sees of an error."""
    response = getattr(error, "response", None)
    return {
        "class": type(error).__name__,
        "kinds": [kind.__name__ for kind in type(error).__mro__],
        "status": getattr(error, "status_code", getattr(error, "code", None)),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", getattr(error, "status", None)),
        "message": str(error),
        "body": getattr(error, "body", getattr(error, "details", None)),
        "headers": dict(getattr(response, "headers", None) or {}),
    }
