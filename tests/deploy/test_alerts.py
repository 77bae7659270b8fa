"""The alerts: Prometheus' own tool finds them sound and fires each of them, and each says what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.prometheus import DEPLOY, promtool

from proxy.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "operating" / "alerts.md").read_text()
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
TESTS: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "alerts_test.yaml").read_text())["tests"]
EACH = pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
SECTIONS = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def known_series() -> set[str]:
    """Return every name that a query may use: those of our registry, and what Prometheus makes itself."""
    names = {"up", "ALERTS"}
    for family in Metrics().registry.collect():
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {f"{family.name}{end}" for end in ends}
    return names


@pytest.mark.parametrize(
    "words",
    [("check", "rules", "alerts.yaml"), ("check", "config", "prometheus.yaml"), ("test", "rules", "alerts_test.yaml")],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(words: tuple[str, ...]) -> None:
    done = promtool(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_fires_what_should_fire(tmp_path: Path) -> None:
    """The test of the tests: an alert that never fires is found out."""
    broken = (
        (DEPLOY / "alerts.yaml").read_text().replace("faregate_journal_endings > 0", "faregate_journal_endings > 9")
    )
    (tmp_path / "alerts.yaml").write_text(broken)
    (tmp_path / "alerts_test.yaml").write_text((DEPLOY / "alerts_test.yaml").read_text())
    done = promtool("test", "rules", str(tmp_path / "alerts_test.yaml"))
    assert done.returncode != 0
    assert "FaregateJournalNotEmpty" in done.stdout + done.stderr


def test_every_alert_is_fired_by_a_test_and_shown_to_keep_quiet_before() -> None:
    fired, quiet = set(), set()
    for test in TESTS:
        for case in test["alert_rule_test"]:
            (fired if case["exp_alerts"] else quiet).add(case["alertname"])
    assert fired == quiet == {rule["alert"] for rule in RULES}


@EACH
def test_each_says_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, _, section = rule["annotations"]["runbook"].partition("#")
    assert ROOT / page == ROOT / "docs" / "operating" / "alerts.md"
    assert section == rule["alert"].lower(), "GitHub makes the anchor of a heading so"


@EACH
def test_each_has_a_section_that_begins_with_its_severity(rule: dict[str, Any]) -> None:
    assert SECTIONS[rule["alert"]].startswith(f"*{rule['labels']['severity']}.* ")


def test_no_section_is_left_over() -> None:
    assert list(SECTIONS) == list(dict.fromkeys(SECTIONS)), "a heading stands twice"
    assert set(SECTIONS) == {rule["alert"] for rule in RULES}


def test_links_within_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\(#([a-z]+)\)", RUNBOOK):
        assert target in {name.lower() for name in SECTIONS}, target


@EACH
def test_each_asks_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\b(?:faregate|process)_\w+|\bup\b", rule["expr"]))
    assert used
    assert used <= known_series()
