"""`faregate ledger verify`: by a server, which tells how far it is, or of a file without one."""

import json
from decimal import Decimal
from pathlib import Path

from proxy.cli.client import Answer, operator
from proxy.cli.command import Failure
from proxy.cli.progress import progress


def verify_server() -> Answer:
    """Have the server verify its books."""
    with progress("entries verified") as tell:
        for line in operator().stream("/verify/progress"):
            step = json.loads(line, parse_float=Decimal)
            if "ok" in step:
                return Answer(line.decode().strip(), step)
            tell(step["entries"], step["of"])
    raise Failure("the server ended the verification without a verdict; see its log, and try again")


def verify_file(path: Path) -> Answer:
    """Verify a database file that no server has open; the document is the one that the server answers."""
    from msgspec import json as packed
    from msgspec import to_builtins

    from proxy.store.sqlite import verify
    from proxy.web.operator.documents.verdict import verdict_document

    with progress("entries verified") as tell:
        document = verdict_document(verify.verify_file(path, tell=tell))
    return Answer(packed.encode(document).decode(), to_builtins(document))
