"""Writes `faregate.json`, the Grafana dashboard, from the table below: `python deploy/grafana/dashboard.py`.

A row of the dashboard is a list of panels; a panel is a title, its help, its queries and how it is drawn. `%` in a
query stands for the chosen job and instances. A test runs this in memory and compares, so a file that lags behind
fails; another runs every query against a Prometheus that scrapes a Faregate at work.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WIDTH = 24
"""Columns of Grafana's grid."""

SOURCE = {"type": "prometheus", "uid": "${source}"}
CHOSEN = 'job=~"$job",instance=~"$instance"'
RATE = "[$__rate_interval]"
GREEN, YELLOW, RED = "green", "yellow", "red"


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` maps a legend to a PromQL query; `steps` are thresholds with their colours."""

    title: str
    help: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    bars: bool = False
    signed: bool = False
    steps: Sequence[tuple[float | None, str]] = field(default_factory=list)


def stat(
    title: str, help_: str, query: str, unit: str = "short", steps: Sequence[tuple[float | None, str]] = ()
) -> Panel:
    """Return a panel of one number."""
    return Panel(title, help_, {"": query}, unit, kind="stat", width=3, height=4, steps=steps or [(None, GREEN)])


def quantiles(metric: str, by: str = "") -> dict[str, str]:
    """Return the median, the 95th and the 99th percentile of a histogram, perhaps for each value of a label."""
    labels = f"le, {by}" if by else "le"
    name = f"{{{{{by}}}}} " if by else ""
    return {
        f"{name}p{share}": f"histogram_quantile(0.{share}, sum by ({labels}) (rate({metric}_bucket{{%}}{RATE})))"
        for share in ((50, 95) if by else (50, 95, 99))
    }


def rate(metric: str, by: str, selector: str = "") -> str:
    """Return a counter's pace by a label."""
    return f"sum by ({by}) (rate({metric}{{%{selector}}}{RATE}))"


BAD = "upstream_failed|upstream_cut|timed_out|stopped"
HOUR = "3600 *"

ROWS: Mapping[str, Sequence[Panel]] = {
    "Now": [
        stat("Ready", "Processes that take traffic.", "sum(faregate_ready{%})", steps=((None, RED), (1, GREEN))),
        stat("Calls", "Calls of known endpoints that ended.", f"sum(rate(faregate_calls_total{{%}}{RATE}))", "reqps"),
        stat("Running", "Calls under way.", "sum(faregate_running_calls{%})"),
        stat("On hold", "Reserved by running calls.", "sum(faregate_held_usd{%})", "currencyUSD"),
        stat(
            "Charged",
            "To tenants, in the chosen time.",
            "sum(increase(faregate_charge_usd_total{%}[$__range]))",
            "currencyUSD",
        ),
        stat(
            "Exposed",
            "Upstream cost that no tenant paid, in the chosen time.",
            "sum(increase(faregate_exposure_usd_total{%}[$__range]))",
            "currencyUSD",
            ((None, GREEN), (0.01, YELLOW), (1, RED)),
        ),
        stat(
            "Failed",
            "Share of the calls let in that the provider or we did not bring to an end.",
            f'sum(rate(faregate_calls_total{{%,outcome=~"{BAD}"}}{RATE})) '
            f'/ (sum(rate(faregate_calls_total{{%,outcome!="refused"}}{RATE})) > 0) or vector(0)',
            "percentunit",
            ((None, GREEN), (0.01, YELLOW), (0.05, RED)),
        ),
        stat(
            "Rates checked",
            "Time since the rates were compared with their sources.",
            "max(faregate_rates_age_seconds{%})",
            "s",
            ((None, GREEN), (30 * 86_400, YELLOW), (45 * 86_400, RED)),
        ),
    ],
    "Money": [
        Panel(
            "Charged and paid, an hour",
            "What tenants are charged, and what the providers will ask for it. The gap is your margin.",
            {
                "charged": f"{HOUR} sum(rate(faregate_charge_usd_total{{%}}{RATE}))",
                "upstream cost": f"{HOUR} sum(rate(faregate_upstream_cost_usd_total{{%}}{RATE}))",
                "waived": f"{HOUR} sum(rate(faregate_waived_usd_total{{%}}{RATE}))",
            },
            "currencyUSD",
        ),
        Panel(
            "Charged by integration, an hour",
            "Where the money is made.",
            {"{{integration}}": f"{HOUR} {rate('faregate_charge_usd_total', 'integration')}"},
            "currencyUSD",
            stacked=True,
        ),
        Panel(
            "Margin",
            "(charged - upstream cost) / upstream cost. Below zero you pay.",
            {
                "{{integration}}": "sum by (integration) (increase(faregate_charge_usd_total{%}[1h])) "
                "/ (sum by (integration) (increase(faregate_upstream_cost_usd_total{%}[1h])) > 0) - 1"
            },
            "percentunit",
            signed=True,
        ),
        Panel(
            "What providers say that it costs",
            "An hour, where they say it, and what our rates say of the same calls.",
            {
                "{{integration}}": f"{HOUR} {rate('faregate_reported_cost_usd_total', 'integration')}",
                "{{integration}}, rated": f"{HOUR} {rate('faregate_reported_cost_rated_usd_total', 'integration')}",
            },
            "currencyUSD",
        ),
        Panel(
            "Costs that differ",
            "Within an hour: calls whose provider says another cost than our rates do.",
            {"{{integration}}": "sum by (integration) (increase(faregate_reported_cost_differs_total{%}[1h]))"},
            bars=True,
        ),
        Panel(
            "Spend caps near their end",
            "Within an hour: caps of which 80 % was spent.",
            {"{{window}}": "sum by (window) (increase(faregate_cap_warnings_total{%}[1h]))"},
            bars=True,
        ),
        Panel(
            "Tokens",
            "Metered a second, by meter.",
            {"{{meter}}": 'sum by (meter) (rate(faregate_usage_total{%,meter=~".*_tokens"}' + RATE + "))"},
            width=12,
            stacked=True,
        ),
        Panel(
            "Other units",
            "Characters, seconds, images, searches and the like, a second.",
            {"{{meter}}": 'sum by (meter) (rate(faregate_usage_total{%,meter!~".*_tokens"}' + RATE + "))"},
            width=12,
        ),
    ],
    "Traffic": [
        Panel(
            "Calls by outcome",
            "How calls of known endpoints end.",
            {"{{outcome}}": rate("faregate_calls_total", "outcome")},
            "reqps",
            stacked=True,
        ),
        Panel(
            "Calls by integration",
            "Where they go.",
            {"{{integration}}": rate("faregate_calls_total", "integration")},
            "reqps",
            stacked=True,
        ),
        Panel(
            "Refusals by code",
            "What we refuse, and why.",
            {"{{code}}": rate("faregate_refusals_total", "code") + " > 0"},
            "reqps",
            stacked=True,
        ),
        Panel(
            "Providers that fail",
            "Share of the calls let in that were not answered, or not to the end.",
            {
                "{{integration}}": rate("faregate_calls_total", "integration", f',outcome=~"{BAD}"')
                + " / ("
                + rate("faregate_calls_total", "integration", ',outcome!="refused"')
                + " > 0)"
            },
            "percentunit",
        ),
        Panel(
            "Providers' own errors",
            "4xx and 5xx that reached callers as they were.",
            {"{{integration}}": rate("faregate_calls_total", "integration", ',outcome="upstream_error"')},
            "reqps",
        ),
        Panel(
            "Running calls",
            "Calls under way, and callers' connections.",
            {"calls": "sum(faregate_running_calls{%})", "connections of callers": "sum(faregate_edge_connections{%})"},
        ),
    ],
    "Sessions and later work": [
        Panel(
            "Sessions",
            "WebSocket sessions that are open.",
            {"open": "sum(faregate_open_sessions{%})"},
        ),
        Panel(
            "Sessions opened",
            "A second, by where they go.",
            {"{{integration}} {{endpoint}}": rate("faregate_sessions_total", "integration, endpoint")},
            "cps",
        ),
        Panel(
            "Work that finishes later",
            "Not over yet. What is overdue must have ended by its provider's own deadline.",
            {
                "{{integration}}": "sum by (integration) (faregate_later_open{%})",
                "overdue": "sum(faregate_later_overdue{%})",
            },
        ),
        Panel(
            "Oldest work",
            "Its money is held as long.",
            {"{{instance}}": "faregate_later_oldest_seconds{%}"},
            "s",
            width=12,
        ),
        Panel(
            "Looks at work",
            "Within an hour, by what they found; `unseen` means that the provider did not answer.",
            {"{{outcome}}": "sum by (outcome) (increase(faregate_later_looks_total{%}[1h]))"},
            width=12,
            bars=True,
        ),
    ],
    "Latency": [
        Panel("Overhead", "What we add before a call is sent.", quantiles("faregate_overhead_seconds"), "s"),
        Panel(
            "Provider's first byte",
            "From sending a call to its answer's head.",
            quantiles("faregate_upstream_ttfb_seconds", "integration"),
            "s",
        ),
        Panel(
            "Settlement lag",
            "From an answer's last byte to its settlement.",
            quantiles("faregate_settlement_lag_seconds"),
            "s",
        ),
    ],
    "Certainty": [
        Panel(
            "How sure the usage is",
            "`exact` is what the provider reported.",
            {"{{certainty}}": rate("faregate_usage_certainty_total", "certainty")},
            "cps",
            width=12,
            stacked=True,
        ),
        Panel(
            "What should not happen",
            "Within an hour: usage without a rate or beyond belief, prices above their hold or above what there was.",
            {
                "no rate": "sum(increase(faregate_unpriced_units_total{%}[1h]))",
                "not believed": "sum(increase(faregate_usage_invalid_total{%}[1h]))",
                "above its hold": "sum(increase(faregate_hold_exceeded_total{%}[1h]))",
                "not paid in full": "sum(increase(faregate_hold_shortfall_total{%}[1h]))",
            },
            width=12,
            bars=True,
        ),
    ],
    "Exposure and holds": [
        Panel(
            "Exposure by reason, an hour",
            "Upstream cost that nobody paid.",
            {"{{reason}}": "sum by (reason) (increase(faregate_exposure_usd_total{%}[1h])) > 0"},
            "currencyUSD",
            stacked=True,
            bars=True,
        ),
        Panel(
            "On hold",
            "Money reserved: by running calls, and by all holds in the database.",
            {"running calls": "sum(faregate_held_usd{%})", "database": "sum(faregate_ledger_held_usd{%})"},
            "currencyUSD",
        ),
        Panel(
            "Open holds",
            "A database that has more of them than there are calls, for long, is in trouble.",
            {"running calls": "sum(faregate_open_holds{%})", "database": "sum(faregate_ledger_open_holds{%})"},
        ),
        Panel(
            "Oldest call",
            "It ends at `limits.call_age_s_max`.",
            {"{{instance}}": "faregate_oldest_call_seconds{%}"},
            "s",
            width=12,
        ),
        Panel(
            "Calls recovered",
            "Calls that a process did not live to end, within an hour, by evidence.",
            {"{{evidence}}": "sum by (evidence) (increase(faregate_recovered_calls_total{%}[1h]))"},
            width=12,
            bars=True,
        ),
    ],
    "Ledger": [
        Panel("Commit", "One fsync, mostly.", quantiles("faregate_ledger_commit_seconds"), "s"),
        Panel(
            "Batches",
            "Operations that share a commit, and operations that wait for one.",
            {
                "operations a commit": f"sum(rate(faregate_ledger_batch_size_sum{{%}}{RATE})) "
                f"/ (sum(rate(faregate_ledger_batch_size_count{{%}}{RATE})) > 0)",
                "waiting": "sum(faregate_ledger_queue_length{%})",
            },
        ),
        Panel(
            "Trouble",
            "Within five minutes: commits that failed, endings that went to the journal; and endings still there.",
            {
                "commits failed": "sum(increase(faregate_ledger_commit_failures_total{%}[5m]))",
                "journalled": "sum(increase(faregate_journalled_total{%}[5m]))",
                "in the journal": "sum(faregate_journal_endings{%})",
            },
            bars=True,
        ),
        Panel("Files", "What the database takes.", {"{{instance}} {{file}}": "faregate_database_bytes{%}"}, "bytes"),
        Panel("Room", "What its volume has left.", {"{{instance}}": "faregate_database_free_bytes{%}"}, "bytes"),
        Panel(
            "Since the last commit",
            "Old and idle is fine; old and busy is not.",
            {"{{instance}}": "time() - faregate_ledger_last_commit_timestamp_seconds{%}"},
            "s",
        ),
    ],
    "Process": [
        Panel(
            "CPU",
            "Cores. One process uses at most one.",
            {"{{instance}}": f"rate(process_cpu_seconds_total{{%}}{RATE})"},
        ),
        Panel("Memory", "Resident.", {"{{instance}}": "process_resident_memory_bytes{%}"}, "bytes"),
        Panel("Event loop lag", "How late the process wakes.", quantiles("faregate_event_loop_lag_seconds"), "s"),
        Panel(
            "File descriptors",
            "Share of the limit.",
            {"{{instance}}": "process_open_fds{%} / process_max_fds{%}"},
            "percentunit",
        ),
        Panel(
            "Connections to providers",
            "Open, idle ones too.",
            {"{{integration}}": "sum by (integration) (faregate_upstream_connections{%})"},
        ),
        Panel(
            "Reloads",
            "Within an hour; a refused one changed nothing.",
            {"{{outcome}}": "sum by (outcome) (increase(faregate_reloads_total{%}[1h]))"},
            bars=True,
        ),
        Panel(
            "Syncs of rates",
            "Within a day by how they ended; and prices that the last one did not believe.",
            {
                "{{outcome}}": "sum by (outcome) (increase(faregate_rates_syncs_total{%}[1d]))",
                "in quarantine": "max(faregate_rates_quarantined{%})",
            },
            bars=True,
        ),
        Panel(
            "What runs where",
            "Versions and rate cards.",
            {
                "{{instance}} {{version}} on Python {{python}}, SQLite {{sqlite}}": "faregate_build_info{%}",
                "{{instance}} rates {{version}}": "faregate_rate_card_info{%}",
            },
            kind="bargauge",
        ),
    ],
}


def dashboard() -> dict[str, Any]:
    """Return the whole dashboard as Grafana imports it."""
    return {
        "uid": "faregate",
        "title": "Faregate",
        "description": "Money, traffic, latency, certainty, exposure, holds and the ledger of Faregate.",
        "tags": ["faregate"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(_variables())},
        "annotations": {"list": [_restarts()]},
        "links": [],
        "panels": list(_panels()),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}
    for name, label, query in (
        ("job", "Job", "label_values(faregate_build_info, job)"),
        ("instance", "Instance", 'label_values(faregate_build_info{job=~"$job"}, instance)'),
    ):
        yield {
            "name": name,
            "label": label,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".+",
            "current": {"text": ["All"], "value": ["$__all"]},
        }


def _restarts() -> dict[str, Any]:
    return {
        "name": "Starts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "purple",
        "expr": f"changes(process_start_time_seconds{{{CHOSEN}}}[2m]) > 0",
        "titleFormat": "{{instance}} started",
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for title, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
        }
        y, x = y + 1, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                y, x = y + panel.height, 0
            number += 1
            yield _panel(panel, number, {"h": panel.height, "w": panel.width, "x": x, "y": y})
            x += panel.width
        y += panels[-1].height


def _panel(panel: Panel, number: int, place: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.replace("{%", "{" + CHOSEN),
                "legendFormat": legend or "__auto",
                "instant": panel.kind != "timeseries",
                "range": panel.kind == "timeseries",
            }
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps = [{"value": value, "color": colour} for value, colour in panel.steps or [(None, GREEN)]]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = {
            "drawStyle": "bars" if panel.bars else "line",
            "fillOpacity": 40 if panel.stacked or panel.bars else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": True,
            "stacking": {"mode": "normal" if panel.stacked else "none"},
        }
        if not panel.signed:
            defaults["min"] = 0
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"colorMode": "value", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}}
    if panel.kind == "bargauge":
        return {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def text() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    (Path(__file__).parent / "faregate.json").write_text(text())


if __name__ == "__main__":
    main()
