"""Reload: every file is read anew, then all of it is put in force at once, or none of it.

A call keeps what it began with: it was handed the doors of its moment. What is new counts for calls that begin later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping

from msgspec import structs

from proxy.errors import BadConfig, LedgerUnavailable
from proxy.loading.catalogue import Catalogue, check_upstreams, load_catalogue
from proxy.loading.effective import leaves
from proxy.loading.settings import Settings
from proxy.tenants.actor import Actor
from proxy.web.operator.documents.reload import ReloadDocument

Read = Callable[[], Settings]
Renew = Callable[[Settings, Catalogue], Awaitable[None]]
Facts = Mapping[str, object]
Note = Callable[[Facts, Facts, Actor], Awaitable[None]]

SIGNAL = Actor("SIGHUP", "house")

_log = logging.getLogger("faregate.reload")


class Reloader:
    """Reads anew when asked, one reload after another.

    `read` returns the settings as they stand in the files now. `renew` puts settings and catalogue in force, or raises
    and changes nothing. `count` is told how each reload ended: `applied` or `refused`. `note` writes what has changed
    into the audit log, and who asked for it.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        read: Read,
        renew: Renew,
        count: Callable[[str], None],
        note: Note,
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self._read = read
        self._renew = renew
        self._count = count
        self._note = note
        self._turn = asyncio.Lock()

    async def reload(self, by: Actor = SIGNAL) -> ReloadDocument:
        """Put what the files say now in force. Raises BadConfig or LedgerUnavailable, and then nothing has changed."""
        async with self._turn:
            try:
                settings, catalogue = await asyncio.to_thread(self._read_all)
                running = still_running(self.settings, settings)
                await self._renew(running, catalogue)
            except (BadConfig, LedgerUnavailable) as error:
                self._count("refused")
                for problem in error.problems if isinstance(error, BadConfig) else (str(error),):
                    _log.error("nothing was reloaded: %s", problem)
                raise
            done = document(self.settings, settings, self.catalogue, catalogue)
            self.settings, self.catalogue = running, catalogue
            self._count("applied")
            tell(done)
            await self._write_down(done, by)
            return done

    async def _write_down(self, done: ReloadDocument, by: Actor) -> None:
        """Note what is new. What is in force stays so if it cannot be noted: the log has it, and says so."""
        named = {"settings": done.settings_changed, "providers": done.providers_changed, "rates": done.rates_changed}
        news = {name: changed for name, changed in named.items() if changed}
        if not news and done.rate_card == done.previous_rate_card:
            return
        try:
            await self._note({"rate_card": done.previous_rate_card}, {"rate_card": done.rate_card, **news}, by)
        except LedgerUnavailable as error:
            _log.error("the audit log could not be told of this reload by %s: %s", by.who, error)

    async def keep_reloading(self, asked: asyncio.Event) -> None:
        """Reload each time that it is asked for, until cancelled. What is asked meanwhile is one more reload."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                _ = await self.reload()
            except (BadConfig, LedgerUnavailable):
                continue  # it was logged, and the server goes on with what it has

    def _read_all(self) -> tuple[Settings, Catalogue]:
        settings = self._read()
        catalogue = load_catalogue(settings.providers_dir, settings.rates_dir)
        check_upstreams(settings, catalogue.providers)
        return settings, catalogue


def applies(name: str, old: Settings, new: Settings) -> bool:
    """Tell whether a setting can be changed while the server runs."""
    if name.startswith("tls."):
        return old.tls.cert is not None and new.tls.cert is not None
    return name.startswith(("providers.", "providers_dir", "rates_dir", "rates_sync.", "log.level"))


def still_running(old: Settings, new: Settings) -> Settings:
    """Return the settings in force after a reload: the new ones where they apply, the old ones elsewhere."""
    both_tls = old.tls.cert is not None and new.tls.cert is not None
    return structs.replace(
        old,
        providers=new.providers,
        providers_dir=new.providers_dir,
        rates_dir=new.rates_dir,
        rates_sync=new.rates_sync,
        tls=new.tls if both_tls else old.tls,
        log=structs.replace(old.log, level=new.log.level),
        warnings=new.warnings,
    )


def document(old: Settings, new: Settings, before: Catalogue, after: Catalogue) -> ReloadDocument:
    """Tell two states apart."""
    were, are = dict(leaves(old)), dict(leaves(new))
    changed = sorted(_differing(were, are))
    return ReloadDocument(
        rate_card=after.card.version,
        previous_rate_card=before.card.version,
        integrations=tuple(name for name, chosen in new.providers.items() if chosen.enabled),
        settings_changed=tuple(name for name in changed if applies(name, old, new)),
        providers_changed=tuple(sorted(_differing(before.providers, after.providers))),
        rates_changed=tuple(sorted(_differing(before.card.integrations, after.card.integrations))),
        needs_restart=tuple(name for name in changed if not applies(name, old, new)),
        warnings=new.warnings,
    )


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[str]:
    yield from (name for name in {**one, **other} if one.get(name) != other.get(name))


def tell(done: ReloadDocument) -> None:
    """Log what a reload has done."""
    news = (*done.settings_changed, *(f"provider file of {name}" for name in done.providers_changed))
    rates = f"rate card {done.rate_card}" + (
        f" (was {done.previous_rate_card}; new: {', '.join(done.rates_changed) or 'units'})"
        if done.rate_card != done.previous_rate_card
        else ""
    )
    _log.info("reloaded: %s; changed: %s", rates, ", ".join(news) or "nothing")
    if done.needs_restart:
        _log.warning("changed, but in force only after a restart: %s", ", ".join(done.needs_restart))
    for warning in done.warnings:
        _log.warning("%s", warning)
