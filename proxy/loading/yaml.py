"""Reads one YAML file into one frozen type, or says where it is wrong."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from proxy.errors import BadConfig
from proxy.loading.mismatch import mismatches

T = TypeVar("T")

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Bad(yaml.constructor.ConstructorError):
    """What we refuse beyond what YAML does: the problem ends with its remedy."""


class _Strict(_Base):  # type: ignore[misc]  # the C loader has no stubs; without libyaml the pure one serves
    """A safe loader that refuses a key given twice, which YAML would silently overwrite."""

    def construct_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:  # a date that no calendar has, such as 2026-02-30
            said = f"{node.value} is not what it looks like ({error}); correct it, or quote it"
            raise Bad(None, None, said, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode):
                raise Bad(None, None, "the key is no plain value; write a name before the colon", mark)
            if key in seen:
                raise Bad(None, None, f"the key {key!r} is also in line {seen[key]}; keep one of the two", mark)
            seen[key] = mark.line + 1
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


_Strict.add_constructor("tag:yaml.org,2002:timestamp", _Strict.construct_timestamp)


def read_yaml(path: Path) -> Any:
    """Return a YAML file's plain content. Raises BadConfig if it cannot be read or parsed."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadConfig(f"{path}: there is no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadConfig(f"{path}: cannot be read ({reason}); make it a UTF-8 file that this user may read") from None
    try:
        return yaml.load(text, Loader=_Strict)  # noqa: S506  # a subclass of the safe loader
    except yaml.YAMLError as error:
        raise BadConfig(f"{path}: {_one_line(error)}") from None


def convert(content: Any, into: type[T], path: Path) -> T:
    """Turn plain content into a frozen type, strictly. Raises BadConfig with all that does not fit."""
    try:
        return msgspec.convert(content, into, strict=True)
    except msgspec.ValidationError:
        problems = [f"{path}: {problem}" for problem in mismatches(content, into)]
        raise BadConfig(*problems) from None


def load_yaml(path: Path, into: type[T]) -> T:
    """Read a file into a type."""
    return convert(read_yaml(path), into, path)


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    remedy = "" if isinstance(error, Bad) else "; correct the YAML there"
    return " ".join(f"{where}{problem}".split()) + remedy
