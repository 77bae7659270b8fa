"""The counters that operators scrape, with bounded labels: never a tenant, a raw path or an unknown model.

Money counters are floats because Prometheus has no other numbers; the ledger is the record, these are its shadow.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge

from proxy.ledger.bill import Bill
from proxy.ledger.call import Receipt
from proxy.ledger.hold import Hold
from proxy.money import NANOS_PER_USD
from proxy.tally import Spread, Tally

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """Every metric of the house, in a registry of its own so that tests and workers do not share them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Tally:
            tally = Tally(f"faregate_{name}", text, labels)
            registry.register(tally)
            return tally

        def histogram(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Spread:
            spread = Spread(f"faregate_{name}", text, bounds, labels)
            registry.register(spread)
            return spread

        self.calls = counter(
            "calls", "Calls of known endpoints by how they ended.", "integration", "endpoint", "outcome"
        )
        self.refusals = counter("refusals", "Calls refused by Faregate, by code.", "code")
        self.usage = counter("usage", "Quantities metered, by meter (integration.unit).", "meter")
        self.charge = counter("charge_usd", "USD charged to tenants.", "integration")
        self.cost = counter("upstream_cost_usd", "USD that providers ask for the calls metered.", "integration")
        self.exposure = counter("exposure_usd", "USD of upstream cost that no tenant paid.", "integration", "reason")
        self.certainty = counter("usage_certainty", "Metered calls by how sure their usage is.", "certainty")
        self.shortfall = counter("hold_shortfall", "Calls whose exact price exceeded what could be taken for it.")
        self.over_hold = counter(
            "hold_exceeded",
            "Calls whose exact price exceeded their hold: a bound is wrong.",
            "integration",
            "endpoint",
        )
        self.unpriced = counter("unpriced_units", "Answers with a unit or model that has no rate.", "integration")
        self.invalid = counter("usage_invalid", "Answers whose usage was absurd and not believed.", "integration")
        self.overhead = histogram("overhead_seconds", "Time that Faregate added before a call was sent.", _FAST)
        self.ttfb = histogram(
            "upstream_ttfb_seconds", "Time from sending a call to its answer's head.", _SLOW, "integration"
        )
        self.lag = histogram("settlement_lag_seconds", "Time from the last byte read to the settlement.", _FAST)
        self.commit = histogram("ledger_commit_seconds", "Time that one ledger commit takes.", _FAST)
        self.batch = histogram("ledger_batch_size", "Operations that one ledger commit carries.", _BATCH)
        self.reloads = counter("reloads", "Reloads of the files by how they ended: applied or refused.", "outcome")
        self.held = Gauge("faregate_held_usd", "USD on hold by running calls.", registry=registry)
        self.open_holds = Gauge("faregate_open_holds", "Holds of running calls.", registry=registry)
        self.rates_age = Gauge(
            "faregate_rates_age_seconds", "Age of the rates by the date they were checked.", registry=registry
        )

    def observe_commit(self, operations: int, seconds: float) -> None:
        """Note one commit of the ledger."""
        self.batch.observe(operations)
        self.commit.observe(seconds)

    def watch(self, holds: Callable[[], Iterable[Hold | None]]) -> None:
        """Show what running calls hold, counted anew at each scrape."""
        self.open_holds.set_function(lambda: sum(1 for hold in holds() if hold is not None))
        self.held.set_function(lambda: usd(sum(hold.wallet_nanos for hold in holds() if hold is not None)))

    def count_bill(self, bill: Bill, receipt: Receipt | None, held: Hold) -> None:
        """Add a priced call; units and integrations come from data, so their number is bounded."""
        integration = bill.integration
        self.certainty.add(1, bill.certainty.value)
        self.cost.add(usd(bill.upstream_cost_nanos), integration)
        for line in bill.lines:
            self.usage.add(float(line.quantity), f"{integration}.{line.unit}")
        if bill.unpriced or any(part.priced_as != part.model for part in bill.parts):
            self.unpriced.add(1, integration)
        if bill.charge_nanos > held.wallet_nanos and not held.waived:
            self.over_hold.add(1, integration, bill.endpoint)
        if receipt is not None:
            self.charge.add(usd(receipt.paid_nanos), integration)
            if receipt.shortfall_nanos:
                self.shortfall.add(1)

    def count_exposure(self, integration: str, reason: str, receipt: Receipt) -> None:
        """Add what no tenant paid; reasons are outcomes, so their number is bounded."""
        if receipt.exposure_nanos:
            self.exposure.add(usd(receipt.exposure_nanos), integration, reason)


def usd(nanos: int) -> float:
    """Return nano-USD as a float of USD, for metrics only."""
    return nanos / NANOS_PER_USD
