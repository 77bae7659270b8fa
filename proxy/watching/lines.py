"""The log's word on calls: one line each, of all of them or of those only that are not usual.

Refusals can come by the thousand, and a line costs as much as refusing does. So there are so many lines a second and no
more, unless every call was asked for; the next second says how many were left out. The metrics count them all.
"""

import logging
from collections.abc import Mapping

from proxy.ledger.call import Outcome
from proxy.money import format_usd
from proxy.watching.report import CallReport

LINES_A_SECOND = 100

_WARNED = {Outcome.UPSTREAM_FAILED, Outcome.UPSTREAM_CUT, Outcome.TIMED_OUT, Outcome.STOPPED}
_SERVER_FAULT = 500
_NAME_LENGTH_MAX = 200
_log = logging.getLogger("faregate.calls")


class CallLines:
    """Writes a line of each call that it is told of; `most` a second, None for no limit."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._second = 0
        self._written = 0
        self._left_out = 0

    def ended(self, report: CallReport) -> None:
        """Write a line, if there may be another in this second."""
        if self._most is not None and not self._may(report.record.ended_at // 1_000_000, self._most):
            self._left_out += 1
            return
        level = level_of(report)
        if _log.isEnabledFor(level):
            _log.log(level, "%s", report.record.outcome.value, extra={"fields": fields(report)})

    def _may(self, second: int, most: int) -> bool:
        if second != self._second:
            if self._left_out:
                _log.warning("calls left out of this log", extra={"fields": {"left_out": self._left_out}})
            self._second, self._written, self._left_out = second, 0, 0
        self._written += 1
        return self._written <= most


def level_of(report: CallReport) -> int:
    """Return WARNING for what an operator should look into, INFO for what is between a caller and its provider."""
    record, receipt = report.record, report.receipt
    lost = receipt is not None and (receipt.shortfall_nanos or receipt.exposure_nanos)
    fault = record.outcome is Outcome.REFUSED and record.status >= _SERVER_FAULT
    unpriced = report.bill is not None and report.bill.unpriced
    return logging.WARNING if record.outcome in _WARNED or lost or fault or unpriced else logging.INFO


def fields(report: CallReport) -> Mapping[str, object]:
    """Return what a line says, without what there was nothing of: ids and names, quantities, USD, seconds."""
    record, bill, receipt = report.record, report.bill, report.receipt
    told: dict[str, object] = {
        "call": record.id,
        "tenant": record.tenant,
        "key": record.key,
        "integration": record.integration,
        "endpoint": record.endpoint,
        "model": record.model[:_NAME_LENGTH_MAX],
        "refusal": record.refusal,
        "status": record.status,
        "seconds": round(report.seconds, 4),
        "trace": report.trace,
        "usage": report.usage,
    }
    if bill is not None:
        told["certainty"] = bill.certainty.value
        told["charge_usd"] = format_usd(receipt.paid_nanos if receipt is not None else bill.charge_nanos)
        told["unpriced"] = sorted({unit for _, unit in bill.unpriced})
    if bill is not None and receipt is None:
        told["settled"] = "in the journal"
    if receipt is not None:
        for name in ("waived", "shortfall", "exposure"):
            if nanos := getattr(receipt, f"{name}_nanos"):
                told[f"{name}_usd"] = format_usd(nanos)
    return {name: value for name, value in told.items() if value not in ("", {}, [])}
