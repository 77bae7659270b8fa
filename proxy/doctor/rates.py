"""How old the rates are, and whether what is on has any."""

from datetime import date, datetime

from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.loading.catalogue import Catalogue
from proxy.loading.settings import Settings
from proxy.price_lists.report import Report

AGE_DAYS = 45
"""Providers change some price every few weeks; a wrong one costs the operator the difference at every call."""


LATE = 3
"""So many periods may pass without a scheduled sync: one can fail, and a server may be down for a while."""


def synced(settings: Settings, last: Report | None, now: datetime) -> Finding:
    """Look at the last sync that wrote: whether it is overdue, and what it left for a person to look at."""
    name, hours = "rates sync", settings.rates_sync.every_hours
    if last is None:
        if not hours:
            return skipped(name, "rates were never held against price lists here (`faregate rates sync`)")
        return warning(name, "it is scheduled and was never done", "look for `rates were not synced` in the log")
    since_h = (now - datetime.fromisoformat(last.at)).total_seconds() / 3600
    text = f"the last was {since_h:.0f} hours ago, with {' and '.join(last.lists)}"
    if hours and since_h > LATE * hours:
        return warning(name, f"{text}; it is to be every {hours:g}", "look for `rates were not synced` in the log")
    if last.quarantined:
        text += f"; {len(last.quarantined)} prices are in quarantine"
        return warning(name, text, "see them with `faregate rates sync`; a rates file of yours settles a price")
    return ok(name, text)


def age(settings: Settings, catalogue: Catalogue, today: date) -> Finding:
    """Look at the rates of the integrations that are on; of all, if none is."""
    name = "rates"
    on = [each for each, chosen in settings.providers.items() if chosen.enabled]
    bare = [each for each in on if not catalogue.card.integrations.get(each)]
    if bare:
        text = f"{', '.join(bare)} has no rates, so that every call is refused as unpriced_model"
        return failed(name, text, "put a rates file into rates_dir, and run `faregate reload`")
    checked = {each: when for each, when in catalogue.checked.items() if not on or each in on}
    if not checked:
        return skipped(name, "there are none")
    oldest = min(checked, key=lambda each: checked[each])
    days = max(0, (today - checked[oldest]).days)
    text = f"the oldest, of {oldest}, were checked {days} days ago ({checked[oldest].isoformat()})"
    if days > AGE_DAYS:
        remedy = "get newer price lists and run `faregate rates sync --write`, or install a newer Faregate"
        return warning(name, text, remedy)
    return ok(name, text)
