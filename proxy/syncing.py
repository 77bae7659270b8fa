"""Syncs rates with price lists in a process of its own, and puts in force what that has written.

A process that runs keeps what it imported: another one finds the packages as they are now, and whatever it costs to
read them is gone when it ends.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from proxy.errors import BadConfig, BadRequest, LedgerUnavailable
from proxy.price_lists.report import Report
from proxy.tenants.actor import Actor
from proxy.web.operator.documents.rates import RatesSync
from proxy.web.operator.documents.reload import ReloadDocument

SCHEDULE = Actor("rates_sync", "house")
SYNC_S_MAX = 300
_log = logging.getLogger("faregate.rates")


class Syncer:
    """Syncs when asked, one sync after another.

    `command` is the program that does it and prints its report; `file` the configuration that it is to read; `reload`
    puts what it has written in force. `count` is told how each sync that was to write has ended.
    """

    def __init__(
        self,
        file: Path | None,
        reload: Callable[[Actor], Awaitable[ReloadDocument]],
        count: Callable[[str], None],
        command: Sequence[str] = (sys.executable, "-m", "proxy", "rates", "sync", "--offline", "--json"),
    ) -> None:
        self.quarantined: int | None = None
        """How many prices the last sync that was to write put into quarantine; None before the first."""
        self._file = file
        self._reload = reload
        self._count = count
        self._command = command
        self._turn = asyncio.Lock()

    async def sync(self, by: Actor, write: bool) -> RatesSync:
        """Return what was found; if it is to be written, it is in force. Raises BadRequest or LedgerUnavailable."""
        async with self._turn:
            if not write:
                return RatesSync(await self._run(()), None)
            try:
                found = await self._run(("--write",))
                reloaded = await self._reload(by) if found.files else None
            except (BadConfig, BadRequest, LedgerUnavailable) as error:
                self._count("failed")
                _log.error("rates were not synced: %s", error)
                if isinstance(error, BadConfig):
                    raise BadRequest(f"what was written could not be put in force: {error}", status=409) from None
                raise
            self._count("written" if found.files else "unchanged")
            self._tell(found)
            return RatesSync(found, reloaded)

    async def on_schedule(self) -> None:
        """Sync and write; what went wrong was logged and counted, and the server goes on with what it has."""
        with contextlib.suppress(BadRequest, LedgerUnavailable):
            _ = await self.sync(SCHEDULE, True)

    def _tell(self, found: Report) -> None:
        self.quarantined = len(found.quarantined)
        _log.info(
            "rates synced with %s: %d prices accepted, %d models new, %d prices in quarantine",
            " and ".join(found.lists),
            len(found.accepted),
            len(found.new_models),
            len(found.quarantined),
        )

    async def _run(self, options: Sequence[str]) -> Report:
        """Run the program and read its report."""
        named = ("--config", str(self._file)) if self._file else ()
        child = await asyncio.create_subprocess_exec(
            *self._command,
            *named,
            *options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(child.communicate(), SYNC_S_MAX)
        except TimeoutError:
            said = f"the sync took over {SYNC_S_MAX} s and was stopped"
            raise BadRequest(said, code="sync_failed", status=504) from None
        finally:
            if child.returncode is None:
                child.kill()
                _ = await child.wait()  # so that nothing of it is left, also where the sync was given up
        try:
            return msgspec.json.decode(out, type=Report)
        except msgspec.DecodeError:
            raise BadRequest(_reason(err), code="sync_failed", status=409) from None


def _reason(err: bytes) -> str:
    """Return what a program said on its way out."""
    lines = err.decode(errors="replace").strip().splitlines()
    try:
        return str(msgspec.json.decode(lines[-1])["error"]["message"])
    except (IndexError, KeyError, TypeError, msgspec.DecodeError):
        return lines[-1] if lines else "the sync ended without a word"
