"""Our clock against those of the providers."""

from collections.abc import Mapping
from statistics import median

from proxy.doctor.finding import Finding, failed, ok, skipped, warning

SKEW_S, SKEW_S_MAX = 5.0, 300.0
REMEDY = "set the clock, and have an NTP service keep it; keys expire and days end by it"


def compare(ahead_s: Mapping[str, float]) -> Finding:
    """Judge by how many seconds our clock is ahead of each provider's: most of them are right."""
    name = "clock"
    if not ahead_s:
        return skipped(name, "no provider was reached to compare it with")
    skew = median(ahead_s.values())
    text = f"it is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the clocks of {len(ahead_s)} providers"
    if abs(skew) > SKEW_S_MAX:
        return failed(name, text, REMEDY)
    if abs(skew) > SKEW_S:
        return warning(name, text, REMEDY)
    return ok(name, f"it agrees with the clocks of {len(ahead_s)} providers to {SKEW_S:g} s")
