"""Values that satisfy a JSON schema: the arguments of a tool call, or an answer that must be JSON.

It covers what tools' schemas use: types, `enum`, `const`, `default`, `anyOf`, `allOf`, `$ref` into `$defs`, bounds.
"""

from typing import Any

from proxy.sandbox.dice import Dice

_DEPTH_MAX = 12


def sample(schema: Any, word: str, dice: Dice) -> Any:
    """Return a value that fits `schema`; strings say `word`. Anything that it cannot read becomes `word`."""
    return _value(schema, schema, word, dice, 0)


def _value(schema: Any, root: Any, word: str, dice: Dice, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEPTH_MAX:
        return word
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return dice.pick(schema["enum"])
    if "$ref" in schema:
        return _value(_resolve(root, schema["$ref"]), root, word, dice, depth + 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            return _value(schema[several][0], root, word, dice, depth + 1)
    return _typed(schema, root, word, dice, depth)


def _typed(schema: dict[str, Any], root: Any, word: str, dice: Dice, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match (kind[0] if isinstance(kind, list) and kind else str(kind)).lower():
        case "object":
            members = schema.get("properties") or {}
            names = schema.get("required") or list(members)
            return {name: _value(members.get(name), root, word, dice, depth + 1) for name in names}
        case "array":
            count = max(1, int(schema.get("minItems") or 1))
            return [_value(schema.get("items"), root, word, dice, depth + 1) for _ in range(count)]
        case "integer" | "number":
            return _number(schema, dice)
        case "boolean":
            return dice.below(2) == 1
        case "null":
            return None
        case _:
            return word


def _number(schema: dict[str, Any], dice: Dice) -> int:
    least = int(schema.get("minimum", 1))
    most = int(schema.get("maximum", least + 9))
    return dice.between(least, max(least, most))


def _resolve(root: Any, reference: Any) -> Any:
    at = root
    for step in str(reference).removeprefix("#").split("/"):
        if step:
            at = at.get(step) if isinstance(at, dict) else None
    return at
