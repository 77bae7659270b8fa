"""The dashboard: written from its table, asking only for what exists, its panels side by side and never on one another.

That each query shows something is tested in `tests/process/test_prometheus.py`, by a Prometheus at work.
"""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from deploy.test_alerts import known_series

from proxy.metrics import Metrics

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "faregate.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboard", FOLDER / "dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_it_is_fresh() -> None:
    assert (FOLDER / "faregate.json").read_text() == writer().text(), "run: python deploy/grafana/dashboard.py"


def test_it_asks_only_for_what_exists() -> None:
    used = {name for query in QUERIES for name in re.findall(r"\b(?:faregate|process)_\w+", query)}
    assert used <= known_series()


def test_it_shows_every_metric_that_is_ours() -> None:
    """A metric that nobody would see there is one too many, or a panel is missing."""
    shown = " ".join(QUERIES)
    ours = {family.name for family in Metrics().registry.collect() if family.name.startswith("faregate_")}
    assert {name for name in ours if name not in shown} == {"faregate_draining"}, "which `ready` implies"


def test_every_query_is_of_the_chosen_job_and_instances() -> None:
    for query in QUERIES:
        names = re.findall(r"\b((?:faregate|process)_\w+)(\{?)", query)
        assert all(brace for _, brace in names), query
        assert query.count('job=~"$job",instance=~"$instance"') == len(names), query


def test_panels_have_numbers_of_their_own_and_places_of_their_own() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]


def test_every_panel_says_what_it_shows() -> None:
    for panel in DASHBOARD["panels"]:
        assert panel["type"] == "row" or panel["description"].endswith("."), panel["title"]
