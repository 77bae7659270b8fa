"""Reads one YAML file into one frozen type, or says where it is wrong."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from proxy.errors import BadConfig

T = TypeVar("T")

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Strict(_Base):  # type: ignore[misc]  # the C loader has no stubs; without libyaml the pure one serves
    """A safe loader that refuses a key given twice, which YAML would silently overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, f"line {line}: the key is not a plain value")
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"line {line}: the key {key!r} is given twice")
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read_yaml(path: Path) -> Any:
    """Return a YAML file's plain content. Raises BadConfig if it cannot be read or parsed."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadConfig(f"{path}: there is no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: cannot be read ({error}); it must be a readable UTF-8 file") from None
    try:
        return yaml.load(text, Loader=_Strict)  # noqa: S506  # a subclass of the safe loader
    except yaml.YAMLError as error:
        raise BadConfig(f"{path}: {_one_line(error)}; correct the YAML there") from None
    except ValueError as error:  # a date that no calendar has, such as 2026-02-30
        raise BadConfig(f"{path}: a value is not what it looks like ({error}); correct it, or quote it") from None


def convert(content: Any, into: type[T], path: Path) -> T:
    """Turn plain content into a frozen type, strictly. Raises BadConfig naming the place and the remedy."""
    try:
        return msgspec.convert(content, into, strict=True)
    except msgspec.ValidationError as error:
        raise BadConfig(f"{path}: {_place(error)}; see the reference for what is allowed there") from None


def load_yaml(path: Path, into: type[T]) -> T:
    """Read a file into a type."""
    return convert(read_yaml(path), into, path)


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return " ".join(f"{where}{problem}".split())


def _place(error: msgspec.ValidationError) -> str:
    text = str(error)
    what, at, place = text.partition(" - at `")
    return f"at {place.rstrip('`').removeprefix('$.')}: {what}" if at else text
