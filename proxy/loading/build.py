"""Turns plain content into frozen settings, or refuses it: file, place, value, remedy, in one line.

What a setting is, its default and its help come from the type alone (`settings.py`).
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct, structs

from proxy.errors import BadConfig
from proxy.loading.environment import Variable, interpolate, is_reference, mapping_of
from proxy.loading.faults import Faults
from proxy.loading.mismatch import called, expected, shown, suggestion
from proxy.loading.values import Database, Secret, decode

T = TypeVar("T", bound=Struct)
_HIDDEN = (Secret, Database)


class Builder(Struct, frozen=True):
    """Builds settings from one file's content. `file` is how the file is called in messages."""

    file: str
    environ: Mapping[str, str]

    def build(self, kind: type[T], content: object, place: str = "") -> T:
        """Return the settings of this type; what is empty keeps its default. Raises BadConfig."""
        given = self._mapping(content, place)
        fields = {field.name: field for field in structs.fields(kind)}
        values, faults = {}, Faults()
        for key, value in given.items():
            where = f"{place}.{key}".removeprefix(".")
            with faults.gather():
                if key not in fields:
                    raise self._bad(f"{where} is not a setting; {suggestion(str(key), fields)}")
                built = self._value(fields[key], value, where)
                if built is not msgspec.UNSET:
                    values[key] = built
        faults.settle()
        return kind(**values)

    def _value(self, field: structs.FieldInfo, value: object, where: str) -> object:
        if isinstance(field.type, type) and issubclass(field.type, Struct) and not hasattr(field.type, "parse"):
            return self.build(field.type, value, where)
        inner = mapping_of(field.type)
        if inner is not None:
            return self._named(inner, value, where)
        return self._leaf(field, value, where)

    def _named(self, kind: type[T], value: object, where: str) -> Mapping[str, T]:
        built, faults = {}, Faults()
        for name, below in self._mapping(value, where).items():
            with faults.gather():
                built[str(name)] = self.build(kind, below, f"{where}.{name}")
        faults.settle()
        return built

    def _leaf(self, field: structs.FieldInfo, value: object, where: str) -> object:
        text, written = self._text(value, where)
        if text is None or text == "":
            return msgspec.UNSET
        try:
            return _convert(text, field.type, written)
        except ValueError as error:
            problem = f"expected {expected(field.type)}" if isinstance(error, msgspec.ValidationError) else error
            fault = f"is {repeated(field, text)}: {problem}; it is {help_of(field)}{_example(field)}"
            if isinstance(value, Variable):
                raise BadConfig(f"environment: {value.name} {fault}") from None
            raise self._bad(f"{where} {fault}") from None

    def _text(self, value: object, where: str) -> tuple[object, bool]:
        """Return a setting as given, and whether the file itself says so: a variable is always text."""
        if isinstance(value, Variable):
            return value.text, False
        if isinstance(value, str) and is_reference(value):
            try:
                return interpolate(value, self.environ), False
            except ValueError as error:
                raise self._bad(f"{where}: {error}") from None
        return value, True

    def _mapping(self, content: object, place: str) -> Mapping[Any, object]:
        if content is None:
            return {}
        if not isinstance(content, dict):
            what = place or "the content"
            kind = called(content)  # the value itself may be a secret in the wrong place
            raise self._bad(f"{what} is {kind}: expected a mapping; write NAME: VALUE lines below it")
        return content

    def _bad(self, fault: str) -> BadConfig:
        return BadConfig(f"{self.file}: {fault}")


def _convert(value: object, kind: Any, strict: bool) -> Any:
    plain = kind.__origin__ if hasattr(kind, "__metadata__") else kind
    if hasattr(plain, "parse"):
        return decode(plain, value)
    return msgspec.convert(value, kind, strict=strict, dec_hook=decode)


def help_of(field: structs.FieldInfo) -> str:
    """Return what a setting is, from its row."""
    for note in getattr(field.type, "__metadata__", ()):
        if isinstance(note, msgspec.Meta) and note.description:
            return note.description
    return ""


def repeated(field: structs.FieldInfo, value: object) -> str:
    """Return a value for a message; never a secret."""
    kinds = (field.type, *get_args(field.type))
    return "(hidden)" if any(kind in _HIDDEN for kind in kinds) else shown(value)


def _example(field: structs.FieldInfo) -> str:
    default = written(field.default)
    return f", such as {default}" if default else ""


def written(default: object) -> str:
    """Return a setting's default as it would be written in the file; empty if there is none."""
    if default is None or default is msgspec.NODEFAULT:
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)
