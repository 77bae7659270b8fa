"""`faregate ledger export`: what the server writes out goes to a file or to standard output as it comes."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from proxy.cli.client import Answer, operator
from proxy.cli.command import Failure, Misuse, wants_json
from proxy.cli.progress import progress
from proxy.cli.show import facts, show

_HEAD, _TAIL = b'{"data":[', b'],"has_more":false}\n'


def run_export(query: Mapping[str, object], form: str | None, output: Path | None) -> None:
    """Write out a ledger. A file appears under its name only once it is whole."""
    document = wants_json() and output is None
    if document and form == "csv":
        raise Misuse("--json prints one JSON document, so --format csv needs --output FILE", code="usage")
    lines = operator().stream("/ledger/export", **query, format="ndjson" if document else form)
    if document:
        _write(output_stream(), _as_document(lines))
    elif output is None:
        _write(output_stream(), lines)
    else:
        _to_file(output, lines, form or "csv")


def output_stream() -> BinaryIO:
    """Return standard output, for bytes."""
    return sys.stdout.buffer


def _as_document(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Make one document of lines that are documents."""
    yield _HEAD
    for number, line in enumerate(lines):
        yield line.strip() if number == 0 else b"," + line.strip()
    yield _TAIL


def _to_file(path: Path, lines: Iterable[bytes], form: str) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            written = _write(file, lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Failure(f"{path}: cannot be written ({error.strerror}); choose another file with --output") from None
    finally:
        part.unlink(missing_ok=True)
    from msgspec import json

    found = {"file": str(path), "format": form, "lines": written, "bytes": path.stat().st_size}
    show(Answer(json.encode(found).decode(), found), lambda document: facts(document.items()))


def _write(file: BinaryIO, lines: Iterable[bytes]) -> int:
    """Write lines and return how many. Standard error tells how far it is."""
    count = 0
    with progress("lines written") as tell:
        for line in lines:
            file.write(line)
            count += 1
            if count % 500 == 0:
                tell(count, None)
    file.flush()
    return count
