"""The numbers that operators scrape, with bounded labels: never a tenant, a raw path or an unknown model.

Counters are added to as calls pass; dials are read when Prometheus scrapes, where `proxy/panel.py` lets them look.
Money is counted in nano-USD and shown in USD; the ledger is the record, these are its shadow.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector

from proxy.errors import Refusal
from proxy.ledger.bill import Bill
from proxy.ledger.call import Ending, Outcome, Receipt
from proxy.ledger.cap import Span
from proxy.ledger.hold import Hold
from proxy.money import NANOS_PER_USD
from proxy.pricing.reported import differs, in_nanos
from proxy.tally import Dial, Spread, Tally
from proxy.usage.certainty import Certainty

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_COSTLY = tuple(outcome for outcome in Outcome if outcome not in (Outcome.FREE, Outcome.REFUSED))
"""How a call can end that had a hold: only those cost anybody anything."""


class Metrics:
    """Every metric of the house, in a registry of its own so that tests and workers do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._make_calls()
        self._make_money()
        self._make_later()
        self._make_ledger()
        self._make_process()

    def _make_calls(self) -> None:
        counter, spread, dial = self._counter, self._spread, self._dial
        self.calls = counter(
            "calls", "Calls of known endpoints by how they ended.", "integration", "endpoint", "outcome"
        )
        self.refusals = counter("refusals", "Calls refused by Faregate, by code.", "code")
        self.recovered = counter(
            "recovered_calls", "Calls of an earlier start that were ended at this one, by evidence.", "evidence"
        )
        self.overhead = spread("overhead_seconds", "Time that Faregate added before a call was sent.", _FAST)
        self.ttfb = spread(
            "upstream_ttfb_seconds", "Time from sending a call to its answer's head.", _SLOW, "integration"
        )
        self.sessions = counter("sessions", "WebSocket sessions that were opened.", "integration", "endpoint")
        self.open_sessions = dial("open_sessions", "WebSocket sessions that are open.")
        self.running = dial("running_calls", "Calls under way, free ones, sessions and their turns included.")
        self.oldest = dial("oldest_call_seconds", "Age of the call that has run longest; 0 if none runs.")

    def _make_money(self) -> None:
        counter, dial = self._counter, self._dial
        self.usage = counter("usage", "Quantities metered, by meter (integration.unit).", "meter")
        self.charge = counter("charge_usd", "USD charged to tenants.", "integration", per=NANOS_PER_USD)
        self.waived = counter(
            "waived_usd", "USD not asked of test tenants and unmetered keys.", "integration", per=NANOS_PER_USD
        )
        self.cost = counter(
            "upstream_cost_usd", "USD that providers ask for the calls metered.", "integration", per=NANOS_PER_USD
        )
        self.exposure = counter(
            "exposure_usd", "USD of upstream cost that no tenant paid.", "integration", "reason", per=NANOS_PER_USD
        )
        self.certainty = counter("usage_certainty", "Metered calls by how sure their usage is.", "certainty")
        self.shortfall = counter("hold_shortfall", "Calls whose exact price exceeded what could be taken for it.")
        self.over_hold = counter(
            "hold_exceeded",
            "Calls whose exact price exceeded their hold: a bound is wrong.",
            "integration",
            "endpoint",
        )
        self.caps_near = counter("cap_warnings", "Spend caps of which 80 % was spent, by their window.", "window")
        self.unpriced = counter("unpriced_units", "Answers with a unit or model that has no rate.", "integration")
        self.reported = counter(
            "reported_cost_usd",
            "USD that providers say that calls cost, where they say it.",
            "integration",
            per=NANOS_PER_USD,
        )
        self.rated = counter(
            "reported_cost_rated_usd", "USD that our rates say of the same calls.", "integration", per=NANOS_PER_USD
        )
        self.cost_differs = counter(
            "reported_cost_differs", "Calls whose provider says another cost than our rates do.", "integration"
        )
        self.invalid = counter("usage_invalid", "Answers whose usage was absurd and not believed.", "integration")
        self.held = dial("held_usd", "USD on hold by running calls.")
        self.open_holds = dial("open_holds", "Holds of running calls.")
        self.rates_age = dial("rates_age_seconds", "Age of the rates by the date they were checked.")

    def _make_later(self) -> None:
        dial = self._dial
        self.looks = self._counter(
            "later_looks",
            "Looks at work that finishes later, by what they found: runs, done, failed, unknown, unseen.",
            "integration",
            "outcome",
        )
        self.later_open = dial(
            "later_open", "Work that finishes later and is not over, as far as known.", "integration"
        )
        self.later_oldest = dial("later_oldest_seconds", "Age of the oldest work that is not over; 0 if there is none.")
        self.later_overdue = dial("later_overdue", "Work that its provider must have ended by its own deadline.")

    def _make_ledger(self) -> None:
        counter, spread, dial = self._counter, self._spread, self._dial
        self.lag = spread("settlement_lag_seconds", "Time from the last byte read to the settlement.", _FAST)
        self.commit = spread("ledger_commit_seconds", "Time that one ledger commit takes.", _FAST)
        self.batch = spread("ledger_batch_size", "Operations that one ledger commit carries.", _BATCH)
        self.failed_commits = counter("ledger_commit_failures", "Batches that the ledger could not commit.")
        self.committed_at = dial("ledger_last_commit_timestamp_seconds", "When the ledger last committed, Unix time.")
        self.waiting = dial("ledger_queue_length", "Operations that wait for a ledger commit.")
        self.ledger_holds = dial("ledger_open_holds", "Open holds in the database, those of running calls included.")
        self.ledger_held = dial("ledger_held_usd", "USD on hold in the database.")
        self.journalled = counter("journalled", "Endings put into the journal because the ledger was late.")
        self.journal = dial("journal_endings", "Endings in the journal that the ledger does not have yet.")
        self.disk_free = dial("database_free_bytes", "Bytes free for us on the volume of the database.")
        self.disk_used = dial("database_bytes", "Bytes of the database's files.", "file")

    def _make_process(self) -> None:
        spread, dial = self._spread, self._dial
        self.build = dial("build_info", "What runs here; always 1.", "version", "python", "sqlite")
        self.rate_card = dial("rate_card_info", "The rate card in force; always 1.", "version")
        self.ready = dial("ready", "1 if traffic should come here, as `/readyz` says.")
        self.draining = dial("draining", "1 from the moment a stop was asked for.")
        self.loop_lag = spread("event_loop_lag_seconds", "How late the event loop wakes who asked for a time.", _FAST)
        self.reloads = self._counter(
            "reloads", "Reloads of the files by how they ended: applied or refused.", "outcome"
        )
        self.rates_syncs = self._counter(
            "rates_syncs", "Syncs that were to write rates by how they ended: written, unchanged or failed.", "outcome"
        )
        self.quarantined = dial("rates_quarantined", "Prices that the last sync put into quarantine.")
        self.callers = dial("edge_connections", "Open connections of callers.")
        self.providers = dial("upstream_connections", "Open connections to providers.", "integration")

        for outcome in ("applied", "refused"):
            self.reloads.add(0, outcome)
        for outcome in ("written", "unchanged", "failed"):
            self.rates_syncs.add(0, outcome)
        for refusal in Refusal:
            self.refusals.add(0, refusal.code)
        for span in Span:
            self.caps_near.add(0, span.value)
        for certainty in Certainty:
            self.certainty.add(0, certainty.value)

    def expect(self, integration: str, metered: Iterable[str]) -> None:
        """Begin at zero what alerts and money sums watch, for an integration and its metered endpoints."""
        for counter in (self.charge, self.waived, self.cost, self.unpriced, self.invalid, self.cost_differs):
            counter.add(0, integration)
        for outcome in _COSTLY:
            self.exposure.add(0, integration, outcome.value)
        for endpoint in metered:
            self.over_hold.add(0, integration, endpoint)

    def _counter(self, name: str, text: str, *labels: str, per: int = 1) -> Tally:
        tally = Tally(f"faregate_{name}", text, labels, per)
        self.registry.register(tally)
        return tally

    def _spread(self, name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Spread:
        spread = Spread(f"faregate_{name}", text, bounds, labels)
        self.registry.register(spread)
        return spread

    def _dial(self, name: str, text: str, *labels: str) -> Dial:
        dial = Dial(f"faregate_{name}", text, labels)
        self.registry.register(dial)
        return dial

    def observe_commit(self, operations: int, seconds: float, failed: bool) -> None:
        """Note one batch of the ledger."""
        if failed:
            self.failed_commits.add(1)
            return
        self.batch.observe(operations)
        self.commit.observe(seconds)

    def count_bill(self, bill: Bill, held: Hold) -> None:
        """Add a priced call; units and integrations come from data, so their number is bounded."""
        integration = bill.integration
        self.certainty.add(1, bill.certainty.value)
        self.cost.add(bill.upstream_cost_nanos, integration)
        for line in bill.lines:
            self.usage.add(float(line.quantity), f"{integration}.{line.unit}")
        if bill.unpriced or any(part.priced_as != part.model for part in bill.parts):
            self.unpriced.add(1, integration)
        if bill.charge_nanos > held.wallet_nanos and not held.waived:
            self.over_hold.add(1, integration, bill.endpoint)
        if bill.reported_cost:
            self._count_reported(bill)

    def _count_reported(self, bill: Bill) -> None:
        """Hold a reported cost against ours. A cost of 0 says nothing: the operator's own key at a maker paid it."""
        reported = in_nanos(bill.reported_cost)
        if reported:
            self.reported.add(reported, bill.integration)
            self.rated.add(bill.rated_nanos, bill.integration)
            self.cost_differs.add(differs(reported, bill.rated_nanos), bill.integration)

    def count_receipt(self, integration: str, reason: str, receipt: Receipt) -> None:
        """Add what became of a call's price, once the ledger has it; reasons are outcomes, so there are few."""
        if receipt.paid_nanos:
            self.charge.add(receipt.paid_nanos, integration)
        if receipt.waived_nanos:
            self.waived.add(receipt.waived_nanos, integration)
        if receipt.shortfall_nanos:
            self.shortfall.add(1)
        if receipt.exposure_nanos:
            self.exposure.add(receipt.exposure_nanos, integration, reason)

    def count_late(self, ending: Ending, receipt: Receipt) -> None:
        """Add what became of a call's price that was only journalled when the call ended."""
        self.count_receipt(ending.record.integration, ending.reason or ending.record.outcome.value, receipt)

    def count_orphan(self, ending: Ending, receipt: Receipt, held: Hold) -> None:
        """Add a call that its worker did not live to end."""
        record = ending.record
        self.calls.add(1, record.integration, record.endpoint, record.outcome.value)
        if ending.bill is not None:
            self.count_bill(ending.bill, held)
        self.count_late(ending, receipt)


def usd(nanos: int) -> float:
    """Return nano-USD as a float of USD, for metrics only."""
    return nanos / NANOS_PER_USD
