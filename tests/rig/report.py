"""What a run tells: a table for people, a document for programs."""

import json
from dataclasses import asdict

from rig.run import Result

FINDINGS_SHOWN = 40


def document(result: Result) -> str:
    """Return one JSON document."""
    verdict = result.verdict
    return json.dumps(
        {
            "ok": not verdict.findings,
            "order": asdict(result.order),
            "seconds": round(result.seconds, 1),
            "calls": result.calls,
            "small_disk": result.small_disk,
            "deaths": dict(result.deaths),
            "troubles": dict(result.troubles),
            "counts": dict(sorted(verdict.counts.items())),
            "billed_nanos": verdict.billed_nanos,
            "booked_nanos": verdict.booked_nanos,
            "charged_nanos": verdict.charged_nanos,
            "exposed_nanos": verdict.exposed_nanos,
            "exact_nanos": verdict.exact_nanos,
            "findings": verdict.findings,
        },
        indent=2,
    )


def table(result: Result) -> str:
    """Return a table."""
    verdict = result.verdict
    rows = [
        ("seed", str(result.order.seed)),
        ("took", f"{result.seconds:.0f} s"),
        ("deaths", str(sum(result.deaths.values()))),
        *((f"  {name}", str(count)) for name, count in sorted(result.deaths.items())),
        ("in trouble before", ""),
        *((f"  {name}", str(count)) for name, count in sorted(result.troubles.items())),
        ("calls", str(result.calls)),
        *((f"  {name}", str(count)) for name, count in sorted(verdict.counts.items())),
        ("billed by the provider", usd(verdict.billed_nanos)),
        ("booked: charged for or exposed", usd(verdict.booked_nanos)),
        ("  of that exact, and equal", usd(verdict.exact_nanos)),
        ("  of that exposed", usd(verdict.exposed_nanos)),
        ("charged to tenants, with margin", usd(verdict.charged_nanos)),
        ("found wrong", str(len(verdict.findings))),
    ]
    wide = max(len(name) for name, _ in rows)
    lines = [f"{name:<{wide}}  {value:>16}" for name, value in rows]
    if not result.small_disk:
        lines.append("no volume could be mounted here, so the disk was never full")
    return "\n".join([*lines, *verdict.findings[:FINDINGS_SHOWN]])


def usd(amount: int) -> str:
    """Return nanos as USD."""
    return f"{amount // 10**9}.{amount % 10**9:09d}"
