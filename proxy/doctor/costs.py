"""Whether what providers say that calls cost agrees with our rates, as a running server has counted."""

from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

from proxy.doctor.finding import Finding, ok, skipped, warning
from proxy.doctor.local import ask
from proxy.loading.settings import Settings

_CALLS = "faregate_reported_cost_differs_total"
_REPORTED = "faregate_reported_cost_usd_total"
_RATED = "faregate_reported_cost_rated_usd_total"


def reported(settings: Settings, holder: str) -> Finding:
    """Look at the calls since the server's start whose provider told their cost."""
    name = "reported costs"
    if not holder:
        return skipped(name, "no server has the database, so nothing has been counted")
    try:
        text = ask(settings.operator_listen, "/metrics").text
    except OSError as error:
        return skipped(name, f"no operator API answers at {settings.operator_listen} ({error.strerror or error})")
    told = list(_integrations(text))
    if not told:
        return ok(name, "no call has told its cost since the server's start")
    apart = [each for each in told if each[1][_CALLS]]
    if not apart:
        return ok(name, f"what {', '.join(integration for integration, _ in told)} told agrees with the rates")
    lines = [
        f"{counts[_CALLS]:g} calls of {integration} cost another amount than its rates say "
        f"(all that told: {counts[_REPORTED]:.6f} USD, by the rates {counts[_RATED]:.6f})"
        for integration, counts in apart
    ]
    remedy = "look at such a call with `faregate ledger explain`; correct the rates in rates_dir if they are old"
    return warning(name, "; ".join(lines), remedy)


def _integrations(text: str) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield each integration of which a cost was told, with the three counts, in the order of its name."""
    counts: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in (_CALLS, _REPORTED, _RATED):
                counts.setdefault(sample.labels["integration"], {})[sample.name] = sample.value
    for integration in sorted(counts):
        if counts[integration].get(_REPORTED):
            yield integration, counts[integration]
