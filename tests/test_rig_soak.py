"""The soak's own arithmetic: how fast memory grows, what share of calls is faulty, and that its curve can be drawn."""

import random
from xml.etree import ElementTree as ET

import pytest
from rig.auditor import Verdict
from rig.plan import Does, Ends
from rig.soak import FAULTS, MIB, Sample, Soaked, growth_of, soak_plan, svg, table

STEADY = [Sample(at * 10.0, 100 * MIB, 20, 11) for at in range(100)]


def test_growth_is_the_slope_once_it_is_warm() -> None:
    assert growth_of(STEADY) == 0
    growing = [Sample(each.at, int(each.memory + each.at * MIB / 60), 20, 11) for each in STEADY]
    assert growth_of(growing) == pytest.approx(60 * MIB, rel=0.01)
    warmed = [Sample(each.at, each.memory if each.at > 150 else 10 * MIB, 20, 11) for each in STEADY]
    assert growth_of(warmed) == 0, "what it takes to get warm does not count"


def test_few_calls_are_faulty_and_those_may_be_anything() -> None:
    dice = random.Random(1)
    plans = [soak_plan(f"rig-{number}", dice) for number in range(20_000)]
    odd = [plan for plan in plans if plan.does is not Does.STAYS or plan.ends is not Ends.WHOLE]
    assert 0.3 * FAULTS < len(odd) / len(plans) <= 1.3 * FAULTS
    assert {plan.ends for plan in odd} >= {Ends.WHOLE, Ends.CUT, Ends.RESET, Ends.UNREPORTED}


def test_the_curve_is_a_picture_and_the_table_says_what_it_shows() -> None:
    drawn = ET.fromstring(svg(STEADY))
    [line] = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(line.attrib["points"].split()) == len(STEADY)
    told = table(Soaked(16.5, 500.0, 400.0, 396_000, 0.0, STEADY, Verdict()))
    assert "100 MiB at most, and +0.0 MiB an hour" in told
    assert "found wrong in the books: 0" in told
