"""The rig's auditor: books that are right pass, and each way in which they could be wrong is found."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rig.auditor import Billed, Verdict, audit, read_log
from rig.books import Books, Written, nanos
from rig.callers import Saw, judge
from rig.plan import Does, Ends, Plan, cost_nanos, make_plan, read_plan

NAME, TENANT = "rig-000001", "tnt_1"
COST = cost_nanos(50, 20)
CHARGE = COST * 12 // 10
PLAN = Plan(
    name=NAME,
    integration="openai",
    stream=True,
    input=50,
    hidden=5,
    pieces=5,
    think_ms=0,
    pause_ms=0,
    ends=Ends.WHOLE,
    cut_at=0,
    goes_on=False,
    does=Does.STAYS,
    leave_at=0,
)


@dataclass
class Witnesses:
    """What the three say of one call."""

    truth: dict[str, Billed]
    saw: list[Saw]
    books: Books
    deaths: list[tuple[float, float]]

    @property
    def written(self) -> Written:
        return self.books.calls[NAME]

    @property
    def entry(self) -> dict[str, Any]:
        return self.written.entries[0]

    def verdict(self) -> Verdict:
        return audit(self.truth, self.saw, self.books, self.deaths)


def witnesses() -> Witnesses:
    """Return three who agree."""
    billed = Billed(times=1, began=10, ended=11, input=50, output=20, reported=True, whole=True)
    entry = {
        "kind": "call",
        "amount_nanos": -CHARGE,
        "waived_nanos": 0,
        "call": {
            "id": "call_1",
            "usage": {"output_tokens": 1},
            "certainty": "exact",
            "upstream_cost_nanos": COST,
            "charge_nanos": CHARGE,
        },
    }
    written = Written(NAME, TENANT, ["call_1"], "answered", [entry])
    books = Books({NAME: written}, {TENANT: (10**9, 10**9 - CHARGE, 0)}, sound=True, open_holds=0)
    return Witnesses({NAME: billed}, [Saw(PLAN, TENANT, 200, whole=True, charge_usd="0.000063")], books, [])


def lose(w: Witnesses) -> None:
    del w.books.calls[NAME]


def send_twice(w: Witnesses) -> None:
    w.truth[NAME].times = 2


def enter_twice(w: Witnesses) -> None:
    w.written.entries.append(w.entry)


def record_twice(w: Witnesses) -> None:
    w.written.ids.append("call_2")


def book_too_little(w: Witnesses) -> None:
    w.entry["call"] |= {"certainty": "at_least", "upstream_cost_nanos": COST - 1}


def book_too_much(w: Witnesses) -> None:
    w.written.exposures.append({"exposure_nanos": 1})


def charge_in_part(w: Witnesses) -> None:
    w.entry["amount_nanos"] += 1000


def charge_unsent(w: Witnesses) -> None:
    w.truth.clear()
    w.saw.clear()


def estimate(w: Witnesses) -> None:
    w.entry["call"]["certainty"] = "estimated"


def mend(w: Witnesses) -> None:
    w.saw[0].plan = replace(PLAN, ends=Ends.CUT)
    w.truth[NAME].reported = False


def charge_an_error(w: Witnesses) -> None:
    w.saw[0].status = 503


def answer_unsettled(w: Witnesses) -> None:
    w.entry["call"] |= {"id": "call_9"}
    w.written.entries.clear()
    w.written.exposures.append({"exposure_nanos": COST})


def tell_another_charge(w: Witnesses) -> None:
    w.saw[0].charge_usd = "0.000062"


def break_the_chain(w: Witnesses) -> None:
    w.books.sound = False


def keep_a_hold(w: Witnesses) -> None:
    w.books.open_holds = 1


def keep_money(w: Witnesses) -> None:
    w.books.wallets[TENANT] = (10**9, 10**9 - CHARGE, 1)


def overdraw(w: Witnesses) -> None:
    w.books.wallets[TENANT] = (0, -1, 0)


WRONG: list[Callable[[Witnesses], None]] = [
    lose,
    send_twice,
    enter_twice,
    record_twice,
    book_too_little,
    book_too_much,
    charge_in_part,
    charge_unsent,
    estimate,
    mend,
    charge_an_error,
    answer_unsettled,
    tell_another_charge,
    break_the_chain,
    keep_a_hold,
    keep_money,
    overdraw,
]


def test_three_who_agree_have_nothing_to_say() -> None:
    verdict = witnesses().verdict()
    assert verdict.findings == []
    assert (verdict.billed_nanos, verdict.booked_nanos, verdict.charged_nanos) == (COST, COST, CHARGE)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_what_is_wrong_is_found(wrong: Callable[[Witnesses], None]) -> None:
    told = witnesses()
    wrong(told)
    assert told.verdict().findings


def test_what_died_with_the_server_may_be_less_than_exact_but_never_less_than_billed() -> None:
    told = witnesses()
    told.deaths.append((11.5, 14))
    told.saw.clear()
    told.entry["call"]["certainty"] = "at_least"
    assert told.verdict().findings == []
    told.entry["call"]["upstream_cost_nanos"] -= 1000
    assert told.verdict().findings
    told.written.exposures.append({"exposure_nanos": 1000})
    assert told.verdict().findings == []


def test_the_log_is_added_up(tmp_path: Path) -> None:
    begun = {"call": NAME, "integration": "openai", "at": 1.0, "begun": True}
    ended = {"call": NAME, "at": 2.0, "input": 3, "output": 4, "reported": True, "left": False, "whole": True}
    (tmp_path / "log").write_text("".join(json.dumps(line) + "\n" for line in (begun, ended)))
    assert read_log(tmp_path / "log") == {NAME: Billed(1, 1.0, 2.0, 3, 4, reported=True, left=False, whole=True)}


@pytest.mark.parametrize(
    ("got", "whole"),
    [
        (b"data: [DONE]\n\n\r\n0\r\n\r\n", True),
        (b"data: [DONE]\n\n\r\n", False),
        (b"data: {}\n\n\r\n0\r\n\r\n", False),
    ],
)
def test_a_stream_is_whole_only_with_both_of_its_ends(got: bytes, whole: bool) -> None:
    saw = Saw(PLAN, TENANT)
    judge(saw, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + got)
    assert (saw.status, saw.whole) == (200, whole)


def test_one_seed_rolls_the_same_plans_and_a_header_carries_them() -> None:
    plans = [[make_plan(NAME, random.Random(seed)) for _ in range(20)] for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    for plan in plans[0]:
        head = plan.request("key").decode().split("\r\n")
        [carried] = [line.removeprefix("x-rig: ") for line in head if line.startswith("x-rig: ")]
        assert read_plan(carried) == plan


@pytest.mark.parametrize(("usd", "amount"), [("0", 0), ("1.5", 1_500_000_000), ("-0.000000001", -1)])
def test_amounts_are_read_exactly(usd: str, amount: int) -> None:
    assert nanos(usd) == amount
