"""What every store promises of spend caps: room in all of them or no hold, exact windows, and nothing lost when caps
change while calls run.
"""

import asyncio

import pytest
from doubles.books import (
    CARD,
    MARKS,
    NOW,
    TODAY,
    credit,
    make_id,
    make_key,
    make_request,
    make_tenant,
    release,
    settle,
)
from msgspec import structs

from proxy.clock import MICROS_PER_DAY
from proxy.errors import BadRequest
from proxy.ledger.call import Receipt
from proxy.ledger.cap import Capped, CapPlace, Marks, Span, Standing
from proxy.ledger.hold import Hold
from proxy.ledger.wallet import Short
from proxy.store.doors import AuditFilter, Store
from proxy.usage.certainty import Certainty

TENANT, OTHER = make_tenant(), make_tenant(2)
T = TENANT.id
DAILY, MONTHLY = CapPlace(T, Span.DAILY), CapPlace(T, Span.MONTHLY)
TOMORROW, DAY = "2026-11-22", MICROS_PER_DAY
CHARGE = 120_000
"""Of `settle` with its hundred tokens."""


@pytest.fixture
async def books(store: Store) -> Store:
    """A store with two tenants; the first one has 100 million nano-USD and a key."""
    for tenant in (TENANT, OTHER):
        await store.create_tenant(tenant)
    await store.deposit(credit(T, 100_000_000))
    await store.create_key(make_key(TENANT), "hash")
    return store


def cap_id(number: int) -> str:
    return make_id("cap", number)


async def put(books: Store, limit: int, place: CapPlace = DAILY, number: int = 1, at: int = NOW) -> Standing:
    return await books.set_cap(cap_id(number), place, limit, at)


async def stands(books: Store, at: int = NOW) -> list[tuple[int, int]]:
    """What is spent and held in the windows of a time."""
    found = await books.caps(T, at, 10)
    return [(each.window.spent, each.window.held) for each in found]


async def held(books: Store, number: int, least: int = 1_000_000, **more: object) -> Hold:
    made = await books.hold(make_request(T, number, least=least, **more))  # type: ignore[arg-type]  # handed on
    assert isinstance(made, Hold), made
    return made


async def kept_out(books: Store, number: int, least: int = 1_000_000, **more: object) -> Capped:
    made = await books.hold(make_request(T, number, least=least, **more))  # type: ignore[arg-type]  # handed on
    assert isinstance(made, Capped), made
    return made


async def test_a_call_holds_its_worst_case_on_the_cap_and_leaves_its_charge(books: Store) -> None:
    stood = await put(books, 5_000_000)
    assert (stood.cap.id, stood.cap.limit, stood.left, stood.window.window) == (cap_id(1), 5_000_000, 5_000_000, TODAY)
    hold = await held(books, 1)
    assert (hold.cap_nanos, hold.windows, hold.app) == (1_000_000, ((cap_id(1), TODAY),), "tool")
    assert await stands(books) == [(0, 1_000_000)]
    await books.end(settle(T, 1))
    assert await stands(books) == [(CHARGE, 0)]
    await held(books, 2)
    await books.end(release(T, 2, unseen=True))
    assert await stands(books) == [(CHARGE, 0)]
    assert (await books.verify()).ok


async def test_the_boundary_is_exact_and_names_the_cap(books: Store) -> None:
    await put(books, 1_000_000)
    out = await kept_out(books, 1, 1_000_001)
    assert (out.standing.cap.id, out.needed, out.by_spending) == (cap_id(1), 1_000_001, True)
    await held(books, 2, 1_000_000)
    out = await kept_out(books, 3, 1)
    assert (out.standing.window.held, out.standing.left, out.by_spending) == (1_000_000, 0, False)
    assert (await books.wallet(T)).held == 1_000_000, "who is kept out holds nothing"
    await books.end(settle(T, 2, tokens=500))
    assert (await kept_out(books, 4, 400_001)).by_spending
    await held(books, 5, 400_000)
    assert (await books.verify()).ok


async def test_the_wallet_says_so_where_it_leaves_less(books: Store) -> None:
    await put(books, 200_000_000)
    assert isinstance(await books.hold(make_request(T, 1, least=100_000_001)), Short)
    await put(books, 100_000_000)
    assert isinstance(await books.hold(make_request(T, 1, least=100_000_001)), Short)
    await put(books, 99_999_999)
    assert isinstance(await books.hold(make_request(T, 1, least=100_000_000)), Capped)
    assert await stands(books) == [(0, 0)]


async def test_an_open_ask_is_granted_what_the_tightest_leaves(books: Store) -> None:
    await put(books, 3_000_000)
    await put(books, 7_000_000, MONTHLY, 2)
    made = await held(books, 1, 1_000_000, most=50_000_000)
    assert (made.wallet_nanos, made.cap_nanos) == (3_000_000, 3_000_000)
    assert await stands(books) == [(0, 3_000_000)] * 2
    assert (await kept_out(books, 2, 1)).standing.cap.id == cap_id(1)


async def test_all_caps_that_cover_a_call_must_have_room(books: Store) -> None:
    await put(books, 50_000_000, MONTHLY, 1)
    places = [
        CapPlace(T, Span.DAILY, app="tool"),
        CapPlace(T, Span.DAILY, key=MARKS.key),
        CapPlace(T, Span.DAILY, integration="acme"),
        CapPlace(T, Span.DAILY, model="m-*"),
        CapPlace(T, Span.DAILY, "tool", MARKS.key, "acme", "m-1"),
    ]
    for number, place in enumerate(places, 2):
        await put(books, 1_500_000, place, number)
    await held(books, 1)
    assert await stands(books) == [(0, 1_000_000)] * 6
    for number in range(2, 7):
        assert (await kept_out(books, number)).standing.window.held == 1_000_000
        await put(books, 9_000_000, places[number - 2], number)
    await held(books, 7)
    assert await stands(books) == [(0, 2_000_000)] * 6


@pytest.mark.parametrize(
    "marks",
    [
        structs.replace(MARKS, app="other"),
        structs.replace(MARKS, key="key_other"),
        structs.replace(MARKS, integration="bolt"),
        structs.replace(MARKS, model="n-1"),
    ],
)
async def test_a_narrowed_cap_leaves_other_calls_alone(books: Store, marks: Marks) -> None:
    await put(books, 0, CapPlace(T, Span.DAILY, "tool", MARKS.key, "acme", "m-?"))
    assert (await held(books, 1, marks=marks)).windows == ()
    await books.end(settle(T, 1))
    assert await stands(books) == [(0, 0)]
    await kept_out(books, 2)


async def test_a_cap_of_another_tenant_is_none(books: Store) -> None:
    await put(books, 0, CapPlace(OTHER.id, Span.DAILY))
    assert (await held(books, 1)).windows == ()


async def test_a_cap_of_zero_lets_only_through_what_costs_nothing(books: Store) -> None:
    await put(books, 0)
    await held(books, 1, 0)
    assert (await kept_out(books, 2, 1)).by_spending


async def test_a_waived_call_holds_its_worst_case_on_caps_alone(books: Store) -> None:
    await put(books, 3_000_000)
    made = await held(books, 1, 1_000_000, most=2_500_000, waived=True)
    assert (made.wallet_nanos, made.cap_nanos, made.covered) == (0, 2_500_000, 2_500_000)
    rest = await held(books, 2, 400_000, most=1_000_000, waived=True)
    assert (rest.wallet_nanos, rest.cap_nanos) == (0, 500_000)
    await kept_out(books, 3, 1, waived=True)
    receipt = await books.end(settle(T, 1))
    assert (receipt.paid_nanos, receipt.waived_nanos) == (0, CHARGE)
    assert await stands(books) == [(CHARGE, 500_000)]
    assert (await books.verify()).ok


async def test_what_is_spent_of_a_cap_is_what_was_asked(books: Store) -> None:
    """An exact charge above its hold counts in full, even beyond the cap; what was never paid does not."""
    await put(books, 1_000_000)
    await held(books, 1)
    await books.end(settle(T, 1, tokens=2_000))
    assert await stands(books) == [(2_400_000, 0)]
    assert (await kept_out(books, 2, 1)).standing.left == -1_400_000
    await put(books, 5_000_000)
    await held(books, 3)
    receipt = await books.end(settle(T, 3, tokens=2_000, certainty=Certainty.ESTIMATED))
    assert receipt.shortfall_nanos == 1_400_000
    assert await stands(books) == [(3_400_000, 0)]
    assert (await books.verify()).ok


async def test_a_day_and_a_month_begin_empty(books: Store) -> None:
    await put(books, 1_500_000)
    await put(books, 3_000_000, MONTHLY, 2)
    for number, period in ((1, TODAY), (2, TOMORROW), (3, "2026-11-30")):
        await held(books, number, period=period)
        await books.end(settle(T, number, tokens=800))
        await kept_out(books, number + 10, period=period)
    out = await kept_out(books, 4, 130_000, period="2026-11-25")
    assert (out.standing.cap.id, out.standing.window.window, out.by_spending) == (cap_id(2), "2026-11", True)
    await held(books, 5, period="2026-12-01")
    assert await stands(books) == [(960_000, 0), (2_880_000, 0)]
    assert await stands(books, NOW + 10 * DAY) == [(0, 1_000_000), (0, 1_000_000)]
    assert (await books.verify()).ok


async def test_a_call_past_midnight_is_counted_where_it_began(books: Store) -> None:
    await put(books, 5_000_000)
    await held(books, 1)
    late = settle(T, 1)
    await books.end(structs.replace(late, record=structs.replace(late.record, ended_at=NOW + DAY)))
    assert await stands(books) == [(CHARGE, 0)]
    assert await stands(books, NOW + DAY) == [(0, 0)]
    assert (await books.verify()).ok


async def test_a_hold_is_raised_within_its_caps(books: Store) -> None:
    await put(books, 2_000_000)
    await put(books, 9_000_000, MONTHLY, 2)
    await held(books, 1)
    assert await books.raise_hold(make_id("call", 1), 1_000_001, 0) is None
    raised = await books.raise_hold(make_id("call", 1), 1_000_000, 0)
    assert raised is not None
    assert (raised.wallet_nanos, raised.cap_nanos) == (2_000_000, 2_000_000)
    assert await stands(books) == [(0, 2_000_000)] * 2
    await books.unset_cap(DAILY, NOW)
    assert await books.raise_hold(make_id("call", 1), 1_000_000, 0) is not None
    await books.end(settle(T, 1))
    assert await stands(books) == [(CHARGE, 0)]
    assert (await books.verify()).ok


async def test_a_cap_begins_with_what_its_window_has_seen(books: Store) -> None:
    for number, marks in ((1, MARKS), (2, structs.replace(MARKS, model="n-1")), (3, MARKS)):
        await held(books, number, marks=marks)
        await books.end(settle(T, number))
    await held(books, 4, period=TOMORROW)
    await books.end(settle(T, 4))
    await held(books, 5)
    assert (await put(books, 5_000_000)).window.spent == 3 * CHARGE
    assert (await put(books, 5_000_000, MONTHLY, 2)).window.spent == 4 * CHARGE
    assert (await put(books, 5_000_000, CapPlace(T, Span.DAILY, model="m-*"), 3)).window.spent == 2 * CHARGE
    assert await stands(books) == [(3 * CHARGE, 0), (4 * CHARGE, 0), (2 * CHARGE, 0)]
    assert (await books.caps(T, NOW + DAY, 1))[0].window.spent == CHARGE
    await books.end(settle(T, 5))  # not held on them, and counted
    assert await stands(books) == [(4 * CHARGE, 0), (5 * CHARGE, 0), (3 * CHARGE, 0)]
    assert (await books.verify()).ok


async def test_a_call_that_ran_when_a_cap_was_set_on_the_next_day_is_not_its_business(books: Store) -> None:
    await held(books, 1)
    await put(books, 0, at=NOW + DAY)
    await held(books, 2)
    for number in (1, 2):
        await books.end(settle(T, number))
    assert await stands(books, NOW + DAY) == [(0, 0)]
    await kept_out(books, 3, period=TOMORROW)
    assert (await books.verify()).ok


async def test_caps_that_change_while_calls_run_lose_nothing(books: Store) -> None:
    await put(books, 5_000_000)
    await held(books, 1)
    await put(books, 500_000)
    assert await stands(books) == [(0, 1_000_000)]
    await books.unset_cap(DAILY, NOW)
    await held(books, 2)
    again = await put(books, 7_000_000, number=9)
    assert (again.cap.id, again.window.held) == (cap_id(1), 1_000_000)
    await held(books, 3)
    await books.unset_cap(DAILY, NOW)
    for number in (1, 2, 3):
        await books.end(settle(T, number))
    assert await stands(books) == []
    assert (await books.verify()).ok
    last = await put(books, 7_000_000)
    assert (last.window.spent, last.window.held) == (3 * CHARGE, 0)
    assert (await books.verify()).ok


async def test_another_limit_on_the_next_day_leaves_yesterday_s_window_its_calls(books: Store) -> None:
    await put(books, 5_000_000)
    await held(books, 1)
    await put(books, 6_000_000, at=NOW + DAY)
    await books.end(settle(T, 1))
    assert await stands(books) == [(CHARGE, 0)]
    assert (await books.verify()).ok


async def test_a_cap_that_comes_back_later_counts_from_then_on(books: Store) -> None:
    await put(books, 5_000_000)
    await books.unset_cap(DAILY, NOW)
    await held(books, 1)
    await books.end(settle(T, 1))
    await put(books, 5_000_000, at=NOW + DAY)
    assert await stands(books, NOW + DAY) == [(0, 0)]
    assert (await books.verify()).ok


async def test_a_cap_on_a_key_follows_its_rotation(books: Store) -> None:
    await put(books, 1_500_000, CapPlace(T, Span.DAILY, key=MARKS.key))
    await held(books, 1)
    new = structs.replace(make_key(TENANT, 2), created_at=NOW)
    await books.rotate_key(MARKS.key, new, "hash 2", NOW + DAY)
    newer = structs.replace(make_key(TENANT, 3), created_at=NOW)
    await books.rotate_key(new.id, newer, "hash 3", NOW + DAY)
    for number, key in ((2, new.id), (3, newer.id), (4, MARKS.key)):
        await kept_out(books, number, marks=structs.replace(MARKS, key=key))
    await held(books, 5, 500_000, marks=structs.replace(MARKS, key=newer.id))
    for number in (1, 5):
        await books.end(settle(T, number))
    assert await stands(books) == [(2 * CHARGE, 0)]
    assert (await books.verify()).ok
    only_new = await put(books, 0, CapPlace(T, Span.MONTHLY, key=newer.id), 2)
    assert only_new.window.spent == CHARGE
    assert (await held(books, 6, marks=structs.replace(MARKS, key=new.id))).windows == ((cap_id(1), TODAY),)


async def test_a_receipt_says_once_when_most_is_spent(books: Store) -> None:
    await put(books, 600_000)
    await put(books, 300_000, MONTHLY, 2)
    near = []
    for number in range(1, 6):
        await books.hold(make_request(T, number, least=120_000))
        if number > 2:
            await put(books, 900_000, MONTHLY, 2)
            await books.hold(make_request(T, number, least=120_000))
        receipt = await books.end(settle(T, number))
        near.append([(each.cap.id, each.window.spent) for each in receipt.near])
    assert near == [[], [(cap_id(2), 240_000)], [], [(cap_id(1), 480_000)], []]
    again = await books.end(settle(T, 4))
    assert (again.already, again.near) == (True, ())


async def test_two_hundred_at_once_on_a_cap_for_ten_admit_ten(books: Store) -> None:
    await put(books, 10_999_999)
    made = await asyncio.gather(*(books.hold(make_request(T, number)) for number in range(200)))
    admitted = [each for each in made if isinstance(each, Hold)]
    assert len(admitted) == 10
    assert sum(isinstance(each, Capped) for each in made) == 190
    await asyncio.gather(*(books.end(release(T, number)) for number, each in enumerate(made) if isinstance(each, Hold)))
    assert await stands(books) == [(0, 0)]
    again = await asyncio.gather(*(books.hold(make_request(T, number)) for number in range(200, 220)))
    assert sum(isinstance(each, Hold) for each in again) == 10
    assert (await books.verify()).ok


async def test_holding_or_ending_again_counts_once(books: Store) -> None:
    await put(books, 5_000_000)
    first, second = await asyncio.gather(*(books.hold(make_request(T, 1)) for _ in range(2)))
    assert first == second
    assert await stands(books) == [(0, 1_000_000)]
    receipts = await asyncio.gather(*(books.end(settle(T, 1)) for _ in range(3)))
    assert {type(each) for each in receipts} == {Receipt}
    assert await stands(books) == [(CHARGE, 0)]


async def test_caps_outlive_a_restart_and_orphans_are_given_back(books: Store) -> None:
    await put(books, 1_500_000)
    await held(books, 1)
    await books.close()
    await books.open(CARD)
    (orphan,) = await books.open_holds(books.epoch)
    assert (orphan.cap_nanos, orphan.windows) == (1_000_000, ((cap_id(1), TODAY),))
    await kept_out(books, 2)
    await books.end(release(T, 1, unseen=True))
    assert await stands(books) == [(0, 0)]
    await held(books, 3)
    assert (await books.verify()).ok


async def refused(deed: object) -> tuple[int, str]:
    with pytest.raises(BadRequest) as caught:
        await deed  # type: ignore[misc]  # any awaitable
    return caught.value.status, caught.value.code


async def test_what_cannot_be_capped(books: Store) -> None:
    assert await refused(put(books, 1, CapPlace("tnt_x", Span.DAILY))) == (404, "not_found")
    assert await refused(put(books, 1, CapPlace(T, Span.DAILY, key="key_x"))) == (404, "not_found")
    assert await refused(put(books, 1, CapPlace(OTHER.id, Span.DAILY, key=MARKS.key))) == (404, "not_found")
    assert await refused(put(books, 1, CapPlace(T, Span.DAILY, app="bot", key=MARKS.key))) == (400, "invalid_request")
    assert await refused(books.unset_cap(DAILY, NOW)) == (404, "not_found")
    assert await books.caps(None, NOW, 10) == []


async def test_caps_are_listed_by_id(books: Store) -> None:
    await put(books, 1, CapPlace(OTHER.id, Span.DAILY), 1)
    for number, app in ((2, ""), (3, "tool"), (4, "bot")):
        await put(books, number, CapPlace(T, Span.MONTHLY, app=app), number)
    assert [each.cap.limit for each in await books.caps(None, NOW, 10)] == [1, 2, 3, 4]
    assert [each.cap.limit for each in await books.caps(T, NOW, 2)] == [2, 3]
    assert [each.cap.limit for each in await books.caps(T, NOW, 9, cap_id(3))] == [4]


async def test_deeds_with_caps_are_on_record_and_what_changes_nothing_is_not(books: Store) -> None:
    await put(books, 5)
    await put(books, 5)
    await put(books, 6)
    await books.unset_cap(DAILY, NOW)
    deeds = await books.audit(AuditFilter(action="cap"), 10)
    assert [(deed.action, deed.tenant, deed.target) for deed in deeds] == [
        ("cap.unset", T, cap_id(1)),
        ("cap.set", T, cap_id(1)),
        ("cap.set", T, cap_id(1)),
    ]


async def test_those_that_are_near_are_found(books: Store) -> None:
    await put(books, 1_000_000)
    await put(books, 1_250_000, MONTHLY, 2)
    await put(books, 1_250_001, CapPlace(T, Span.DAILY, app="tool"), 3)
    await put(books, 0, CapPlace(T, Span.DAILY, app="bot"), 4)
    assert [each.cap.id for each in await books.caps(T, NOW, 9, percent=80)] == [cap_id(4)]
    await held(books, 1)
    assert [each.cap.id for each in await books.caps(T, NOW, 9, percent=80)] == [cap_id(1), cap_id(2), cap_id(4)]
    assert [each.cap.id for each in await books.caps(None, NOW, 2, cap_id(1), percent=80)] == [cap_id(2), cap_id(4)]
    assert len(await books.caps(T, NOW, 9)) == 4


async def test_a_cap_knows_the_keys_that_replaced_its_own(books: Store) -> None:
    await put(books, 5, CapPlace(T, Span.DAILY, key=MARKS.key))
    await put(books, 5, MONTHLY, 2)
    new = structs.replace(make_key(TENANT, 2), created_at=NOW)
    await books.rotate_key(MARKS.key, new, "hash 2", NOW + DAY)
    assert [set(each.cap.keys) for each in await books.caps(T, NOW, 9)] == [{MARKS.key, new.id}, set()]
