"""A real Prometheus scrapes the real process: every number that it shows is the ledger's own."""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from support.caller import call, chat, request
from support.desk import Account, Desk
from support.house import House
from support.prometheus import Prometheus, prometheus, promtool
from support.shapes import CHAT, GENERATE, MESSAGES, Shape
from support.upstream import STREAM_HEAD, Seen, chunk, hang_up, json_answer, upstream

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
SEARCHED = {"model": "gpt-4o-search-preview", "messages": [{"role": "user", "content": "Name a river."}]}
FOUND = (ROOT / "tests/exchanges/openai/chat/search_model/response.json").read_bytes()


@dataclass
class Scene:
    """A house that has done some work, its books, and what a Prometheus knows of it."""

    house: House
    desk: Desk
    prometheus: Prometheus
    accounts: list[Account] = field(default_factory=list)
    held: tuple[float, float] = (0, 0)
    """Open holds and USD on hold, as Prometheus knew them while one call ran and nothing else."""

    @cached_property
    def charges(self) -> list[dict[str, Any]]:
        """Every entry of a call in the ledger."""
        return [entry for account in self.accounts for entry in self.desk.charges(account)]

    @cached_property
    def calls(self) -> list[dict[str, Any]]:
        """Every call that is on record."""
        return [each for account in self.accounts for each in self.desk.calls(account)]

    def sums(self, member: str) -> dict[str, float]:
        """Add up a member of the ledger's calls by integration, in USD."""
        found: Counter[str] = Counter()
        for entry in self.charges:
            found[entry["call"]["integration"]] += entry["call"][member]
        return {name: nanos / 10**9 for name, nanos in found.items() if nanos}


def answers(shape: Shape, gate: threading.Event, inside: threading.Event) -> Any:
    """Return a provider that waits, breaks off, fails or searches if the request says so, and else answers well."""

    def answer(connection: Any, seen: Seen) -> None:
        if b"wait-for-it" in seen.body:
            inside.set()
            assert gate.wait(60)
        if b"break-off" in seen.body:
            connection.sendall(STREAM_HEAD + b"".join(chunk(event) for event in shape.events[:4]))
            hang_up()
        if b"search-preview" in seen.body:
            return connection.sendall(json_answer(FOUND))
        if b"fail-now" in seen.body:
            return connection.sendall(json_answer(b'{"error": {"message": "no"}}', "500 No"))
        return connection.sendall(shape.whole)

    return answer


def work(house: House, rich: Account, poor: Account) -> None:
    """Make calls of every kind: answered, streamed, broken off, failed, refused."""
    for shape in (CHAT, MESSAGES, GENERATE):
        for _ in range(2):
            assert call(house.edge, shape.request(rich.key)).status == 200
    assert call(house.edge, request(rich.key, json.dumps(SEARCHED).encode())).status == 200
    assert not call(house.edge, request(rich.key, chat(stream=True, user="break-off"))).whole
    assert call(house.edge, request(rich.key, chat(user="fail-now"))).status == 500
    for _ in range(3):
        assert call(house.edge, request(poor.key, chat())).status == 402
    assert call(house.edge, request("fg-nobody", chat())).status == 401


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("watched")
    gate, inside = threading.Event(), threading.Event()
    with upstream(answers(CHAT, gate, inside)) as openai:
        house = House(
            folder,
            {
                "openai": {"api_key": "sk-x", "upstream": openai.origin},
                "anthropic": {"upstream": "sandbox"},
                "gemini": {"upstream": "sandbox"},
            },
            {"sandbox": {"first_token_ms": 0, "tokens_per_second": 0}},
        ).start()
        try:
            with prometheus(house, folder) as watching:
                watching.until('up{job="faregate"} == 1')
                yield at_work(Scene(house, Desk(house), watching), gate, inside)
        finally:
            gate.set()
            house.stop()


def at_work(scene: Scene, gate: threading.Event, inside: threading.Event) -> Scene:
    """Let the house work, look at it while one call runs, and wait until Prometheus has seen all of it."""
    rich, poor = scene.desk.account(), scene.desk.account("0")
    scene.accounts += [rich, poor]
    work(scene.house, rich, poor)
    late = threading.Thread(target=call, args=(scene.house.edge, request(rich.key, chat(user="wait-for-it"))))
    late.start()
    assert inside.wait(20)
    scene.prometheus.catch_up()
    scene.held = scene.prometheus.one("faregate_open_holds"), scene.prometheus.one("faregate_held_usd")
    held_nanos = scene.desk.held_nanos(rich)
    assert scene.held == (1, held_nanos / 10**9), "what the ledger has on hold"
    gate.set()
    late.join(20)
    work(scene.house, rich, poor)
    scene.desk.settled(rich, calls=19)
    scene.desk.last_call(poor, 6)
    scene.prometheus.catch_up()
    return scene


NAMES = (
    "calls_total",
    "refusals_total",
    "usage_total",
    "charge_usd_total",
    "upstream_cost_usd_total",
    "exposure_usd_total",
    "overhead_seconds_bucket",
    "upstream_ttfb_seconds_bucket",
    "held_usd",
    "open_holds",
    "settlement_lag_seconds_bucket",
    "usage_certainty_total",
    "ledger_commit_seconds_bucket",
    "ledger_batch_size_bucket",
    "hold_shortfall_total",
    "rates_age_seconds",
)
"""Section 6 of the design, as Prometheus names what it keeps of them."""


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_that_is_fixed_from_outside_is_there(scene: Scene, name: str) -> None:
    assert scene.prometheus.query(f"faregate_{name}")


def test_money_is_what_the_ledger_says(scene: Scene) -> None:
    known = scene.prometheus
    assert known.by("integration", "faregate_charge_usd_total") == scene.sums("charge_nanos")
    assert known.by("integration", "faregate_upstream_cost_usd_total") == scene.sums("upstream_cost_nanos")
    assert set(scene.sums("charge_nanos")) == {"openai", "anthropic", "gemini"}
    assert scene.desk.ask("GET", "/verify")["ok"] is True


def test_exposure_is_what_the_ledger_says(scene: Scene) -> None:
    booked: Counter[tuple[str, str]] = Counter()
    for exposure in scene.desk.ask("GET", "/exposures", limit=1000)["data"]:
        booked[exposure["integration"], exposure["reason"]] += exposure["exposure_nanos"]
    known = {
        (labels["integration"], labels["reason"]): value
        for labels, value in scene.prometheus.query("faregate_exposure_usd_total > 0")
    }
    assert known == {labels: nanos / 10**9 for labels, nanos in booked.items()}
    assert ("openai", "upstream_cut") in known


def test_usage_is_what_the_ledger_says(scene: Scene) -> None:
    used: dict[str, Decimal] = {}
    for entry in scene.charges:
        for unit, quantity in entry["call"]["usage"].items():
            meter = f"{entry['call']['integration']}.{unit}"
            used[meter] = used.get(meter, Decimal(0)) + Decimal(str(quantity))
    assert scene.prometheus.by("meter", "faregate_usage_total") == {meter: float(sum_) for meter, sum_ in used.items()}
    assert used["openai.web_searches"] == 2


def test_certainty_is_what_the_ledger_says(scene: Scene) -> None:
    told = Counter(entry["call"]["certainty"] for entry in scene.charges)
    assert scene.prometheus.by("certainty", "faregate_usage_certainty_total") == told
    assert {"exact", "at_least"} <= set(told)


def test_calls_and_refusals_are_what_is_on_record(scene: Scene) -> None:
    counted = {
        (labels["integration"], labels["endpoint"], labels["outcome"]): value
        for labels, value in scene.prometheus.query("faregate_calls_total")
    }
    told = Counter((each["integration"], each["endpoint"], each["outcome"]) for each in scene.calls)
    told["openai", "chat/completions", "refused"] += 2  # keys that nobody has are on no tenant's record
    assert counted == told
    refusals = Counter(each["refusal"] for each in scene.calls if each["refusal"])
    assert scene.prometheus.by("code", "faregate_refusals_total") == refusals | {"invalid_key": 2}


def test_nothing_is_on_hold_any_more(scene: Scene) -> None:
    assert scene.held[0] == 1
    for name in ("open_holds", "held_usd", "running_calls", "oldest_call_seconds", "journal_endings"):
        assert scene.prometheus.one(f"faregate_{name}") == 0, name


def test_the_ledger_s_own_view_follows(scene: Scene) -> None:
    """It is looked at every fifteen seconds."""
    scene.prometheus.until("faregate_ledger_open_holds == 0 and faregate_ledger_held_usd == 0", within_s=30)
    assert scene.prometheus.one('faregate_database_bytes{file="database"} + on () faregate_database_free_bytes') > 0
    assert scene.prometheus.one("time() - faregate_ledger_last_commit_timestamp_seconds") < 600
    assert scene.prometheus.one("faregate_ready") == 1


def test_the_page_is_as_prometheus_likes_it(scene: Scene) -> None:
    done = promtool("check", "metrics", stdin=scene.house.metrics())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_rule_is_evaluated_and_none_fires_here(scene: Scene) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in scene.prometheus.ask("rules")["groups"] for rule in group["rules"]]

    scene.prometheus.catch_up()
    while any(rule["health"] == "unknown" for rule in rules()):
        scene.prometheus.catch_up()  # each group has its turn within a second
    assert {rule["health"] for rule in rules()} == {"ok"}, [rule.get("lastError") for rule in rules()]
    assert [labels for labels, _ in scene.prometheus.query('ALERTS{alertstate="firing"}')] == []


NOT_HERE = ("reported_cost", "sessions_total", "later_open", "later_looks", "rates_quarantined")
"""Series that begin with what this scene has none of: providers that state costs, sessions, later work, syncs."""


def panels() -> Iterator[tuple[str, str]]:
    """Yield each panel's title and query, as Grafana would ask it."""
    chosen = {"$job": "faregate", "$instance": ".+", "$__rate_interval": "1m", "$__range": "1h"}
    for panel in json.loads((ROOT / "deploy/grafana/faregate.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, value in chosen.items():
                query = query.replace(name, value)
            yield panel["title"], query


@pytest.mark.parametrize(("title", "query"), list(panels()), ids=lambda value: re.sub(r"\W+", "-", value)[:40])
def test_every_panel_of_the_dashboard_shows_something(scene: Scene, title: str, query: str) -> None:
    found = scene.prometheus.query(query)  # an error raises
    assert found or any(name in query for name in NOT_HERE), f"{title}: {query}"
    assert not any(value != value for _, value in found), f"{title} shows no number: {query}"


def test_the_dashboard_says_what_the_ledger_says(scene: Scene) -> None:
    """One panel by the whole way: Grafana's query, Prometheus' arithmetic, our numbers. It extrapolates a little."""
    [query] = [query for title, query in panels() if title == "Charged"]
    assert scene.prometheus.one(query) == pytest.approx(sum(scene.sums("charge_nanos").values()), rel=0.5)
