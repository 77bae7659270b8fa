"""How old the rates are, and whether what is on has any."""

from datetime import date

from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.loading.catalogue import Catalogue
from proxy.loading.settings import Settings

AGE_DAYS = 45
"""Providers change some price every few weeks; a wrong one costs the operator the difference at every call."""


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
        remedy = "install a newer Faregate, or put your own rates into rates_dir"
        return warning(name, text, remedy)
    return ok(name, text)
