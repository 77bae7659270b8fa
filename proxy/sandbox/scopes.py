"""Fills scopes: the values behind a template's slots.

For every template: the ids of the file and of the route; `created`, in seconds since the epoch; `model`; `path.NAME`,
the path's parameters; `asked.NAME`, the members of the body that the route takes; `models`; `inputs`, each with `index`
and `input`. With `prompt` the quantities of `usage.py`, and `subject`, what was asked last. With `output` also
`choices`, each with `index text parsed end finish tool tool_id` (the first one's are slots of the answer too), in
streams `piece` and `sequence`. With `vectors`: `vectors`, each with `index` and `vector` (the first one's are slots
too). With `upload`: `filename`, `bytes`, and `seconds`, rounded up; of a
recording each is ten tokens of input. With `fetch` of a whole kind: `kept`. In errors: `status`, `message`, and what
the file gives for that status.

Flags: the route's own; `usage` (report it), `done` (the answer is finished), `cut` (the maximum cut it), `last_piece`;
`tool` is set where the answer calls one.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.sandbox.generation import Draft
from proxy.sandbox.paths import pick
from proxy.sandbox.reply import Fault
from proxy.sandbox.shapes import IdForm, Route, Shapes
from proxy.sandbox.steering import Steering


class Scopes:
    """Makes scopes for one provider. Its ids are unique across restarts: a proxy may charge once per object."""

    def __init__(self, shapes: Shapes, clock: Clock) -> None:
        self._shapes = shapes
        self._clock = clock
        self._nonce = secrets.token_bytes(8)
        self._count = 0

    def of_route(self, route: Route, parameters: Mapping[str, str], body: Any, steering: Steering) -> dict[str, Any]:
        """Return what is known before anything is read from the prompt. Raises Fault for an unknown model."""
        named = parameters.get("model") or pick(body, route.model)
        model = named if isinstance(named, str) else ""
        scope = self._ids({**self._shapes.ids, **route.ids})
        scope["created"] = self._clock.now() // MICROS_PER_SECOND
        scope["model"] = steering.model or self._shapes.aliases.get(model, model)
        scope["models"] = self._shapes.models
        scope["usage"] = not steering.drop_usage
        scope["done"] = True
        for name, value in parameters.items():
            scope[f"path.{name}"] = value
        for name, otherwise in route.take.items():
            value = pick(body, name)
            scope[f"asked.{name}"] = otherwise if value is None else value
        for name, path in route.flags.items():
            scope[name] = bool(pick(body, path))
        for name, pattern in route.kinds.items():
            scope[name] = re.match(pattern, scope["model"]) is not None
        for name, path in route.strings.items():
            scope[name] = isinstance(pick(body, path), str)
        return {**scope, **self._known(model)} if route.lookup else scope

    def of_choices(self, route: Route, drafts: Sequence[Draft]) -> dict[str, Any]:
        """Return the slots of the generated answers."""
        choices = [self._choice(route, draft) for draft in drafts]
        return {**choices[0], "choices": choices}

    def of_error(self, status: int, message: str) -> dict[str, Any]:
        """Return the slots of an error."""
        errors = self._shapes.errors
        kind = errors.kinds.get(status, {})
        return {**self._ids(self._shapes.ids), **errors.otherwise, **kind, "status": status, "message": message}

    def _choice(self, route: Route, draft: Draft) -> dict[str, Any]:
        finish = route.output.finish if route.output else {}
        return {
            "index": draft.index,
            "text": draft.text,
            "parsed": _parsed(draft.text) if draft.tool else {},
            "end": draft.end,
            "cut": draft.end == "length",
            "finish": finish.get(draft.end, draft.end),
            "tool": draft.tool,
            "tool_id": self._ids({"tool_id": route.ids["tool_id"]})["tool_id"] if draft.tool else "",
        }

    def _ids(self, forms: Mapping[str, IdForm]) -> dict[str, Any]:
        """Return fresh ids."""
        self._count += 1
        seed = self._nonce + self._count.to_bytes(8, "big")
        return {name: form.make(blake2b(seed + name.encode()).hexdigest()) for name, form in forms.items()}

    def _known(self, model: str) -> Mapping[str, Any]:
        for known in self._shapes.models:
            if known["name"] == model:
                return known
        raise Fault(404, f"The model '{model}' does not exist or you do not have access to it.")


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}  # the maximum cut the arguments in two
