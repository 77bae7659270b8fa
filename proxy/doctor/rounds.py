"""The doctor's rounds: which checks are made, in which order they are told."""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from proxy.clock import MICROS_PER_SECOND, Clock
from proxy.doctor import books, certificate, clocks, costs, listeners, machine, names, providers, rates, server
from proxy.doctor.examine import Check, examine, in_thread
from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.loading.catalogue import Catalogue
from proxy.loading.inspect import Inspected
from proxy.loading.settings import Settings
from proxy.price_lists.report import last_report
from proxy.store.sqlite.lock import holder_of

Told = Callable[[Sequence[str]], None]


async def diagnose(found: Inspected, clock: Clock, told: Told) -> list[Finding]:
    """Make every check that what was read of the configuration allows. `told` hears what is still being made."""
    findings = configuration(found)
    settings = found.settings
    if settings is None:
        findings.append(skipped("all else", "what it depends on is in the configuration"))
        return [*findings, *await examine(_of_machine(None), told)]
    holder = await in_thread(lambda: holder_of(settings.database.path))
    checks = [
        *_of_books(settings, holder),
        *_of_machine(_process(holder)),
        *_of_edge(settings, clock, running=bool(holder)),
    ]
    ahead: dict[str, float] = {}
    if found.catalogue is not None:
        trust = await in_thread(ssl.create_default_context)
        way = providers.Way(trust, settings.limits.connect_timeout_s, clock, ahead.__setitem__)
        checks += _of_catalogue(settings, found.catalogue, way)
    return [*findings, *await examine(checks, told), clocks.compare(ahead)]


def configuration(found: Inspected) -> list[Finding]:
    """Tell what is wrong with the files, a line each, or that nothing is."""
    name, settings = "configuration", found.settings
    findings = []
    for problem in found.problems:
        text, _, remedy = problem.partition("; ")
        findings.append(failed(name, text, remedy or "`faregate config check` tells more"))
    for told in settings.warnings if settings is not None else ():
        text, _, remedy = told.partition("; ")
        findings.append(warning(name, text, remedy or "correct it"))
    if settings is None or found.problems:
        return findings
    on = [each for each, chosen in settings.providers.items() if chosen.enabled]
    where = settings.file or "no file, only the environment"
    if not on:
        findings.append(
            warning(name, f"{where}: no integration is on", "give one a key, such as providers.NAME.api_key")
        )
    else:
        findings.append(ok(name, f"{where}: {', '.join(on)} {'is' if len(on) == 1 else 'are'} on"))
    return findings


def _blocking(name: str, look: Callable[[], Finding]) -> Check:
    return Check(name, lambda: in_thread(look))


def _process(holder: str) -> int | None:
    number = holder.removeprefix("pid ")
    return int(number) if number.isdigit() else None


def _of_books(settings: Settings, holder: str) -> list[Check]:
    path, token = settings.database.path, settings.database.token_file
    return [
        _blocking("database folder", partial(books.folder, path)),
        _blocking("database", partial(books.file, path, holder)),
        _blocking("running server", partial(server.health, settings, holder)),
        _blocking("reported costs", partial(costs.reported, settings, holder)),
        _blocking("admin token", partial(books.token, token, told=bool(settings.admin_token))),
    ]


def _of_machine(process: int | None) -> list[Check]:
    return [
        _blocking("libraries", machine.libraries),
        _blocking("open files", partial(machine.open_files, process)),
        _blocking("clock service", machine.clock_service),
    ]


def _of_edge(settings: Settings, clock: Clock, *, running: bool) -> list[Check]:
    return [
        _blocking("listen", partial(listeners.edge, settings, running=running)),
        _blocking("operator_listen", partial(listeners.operator, settings, running=running)),
        Check("host names", partial(names.subdomains, settings)),
        _blocking("certificate", partial(certificate.validity, settings.tls, clock)),
        _blocking("certificate names", partial(certificate.names, settings)),
        _blocking("certificate chain", partial(certificate.chain, settings.tls)),
    ]


def _of_catalogue(settings: Settings, catalogue: Catalogue, way: providers.Way) -> list[Check]:
    now = datetime.fromtimestamp(way.clock.now() / MICROS_PER_SECOND, UTC)
    checks = [
        _blocking("rates", partial(rates.age, settings, catalogue, now.date())),
        _blocking("rates sync", lambda: rates.synced(settings, last_report(settings.rates_dir), now)),
    ]
    for name, chosen in settings.providers.items():
        if chosen.enabled and name in catalogue.providers:
            reach = partial(providers.reach, catalogue.providers[name], chosen, way)
            checks.append(Check(f"provider {name}", reach))
    return checks
