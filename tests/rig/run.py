"""One run, from one seed: start everything, let callers call, let the server die again and again, and audit."""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.desk import Account, Desk
from support.house import House

from rig.auditor import Verdict, audit, read_log
from rig.books import Books, read_books
from rig.callers import Callers, Saw
from rig.disk import Disk, small_disk
from rig.faults import Death, Trouble, break_disk, roll, troubled
from rig.plan import INPUT_NANOS, OUTPUT_NANOS, POLICIES
from rig.provider import PROVIDER_KEY

TESTS = Path(__file__).parents[1]
LIFE_S_MAX = 5.0
GOES_OUT_S = 15.0
SETTLES_S = 30.0
ADMIN_TOKEN = "rig-admin-token-of-no-worth"
LIMITS = {
    "caller_stall_s": 1.0,
    "stall_timeout_s": 5.0,
    "answer_timeout_s": 5.0,
    "call_age_s_max": 20.0,
    "shutdown_grace_s": 0.3,
}


@dataclass
class Order:
    """What to run. `answers`: how many calls a server may answer before its next death, at most."""

    deaths: int
    seed: int = 1
    callers: int = 24
    answers: int = 120
    crowd: int = 200


@dataclass
class Result:
    """What came of it."""

    order: Order
    verdict: Verdict
    deaths: Counter[str]
    troubles: Counter[str]
    calls: int
    seconds: float
    small_disk: bool
    notes: list[str] = field(default_factory=list)


@dataclass
class Stage:
    """Everything that runs."""

    house: House
    desk: Desk
    disk: Disk | None
    log: Path
    database: Path
    accounts: list[Account]


@contextlib.contextmanager
def provider(folder: Path) -> Iterator[tuple[str, Path]]:
    """Run the provider; yields its origin and its log."""
    log = folder / "provider.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "rig.provider", str(log)], stdout=subprocess.PIPE, cwd=TESTS, text=True
    )
    try:
        if process.stdout is None or not (port := process.stdout.readline().strip()):
            raise AssertionError("the provider did not start")
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def stage(folder: Path, limits: Mapping[str, float] | None = None, *, small: bool = True) -> Iterator[Stage]:
    """Start a server before its provider, with two tenants: one is rich, the other one is not.

    `limits` are more than the rig's own; `small` gives the database a volume that can be full.
    """
    rates = folder / "rates"
    rates.mkdir()
    for integration in POLICIES:
        (rates / f"{integration}.yaml").write_text(json.dumps(rates_of(integration)))
    volume = small_disk(folder / "disk") if small else contextlib.nullcontext(None)
    with provider(folder) as (origin, log), volume as disk:
        chosen = {
            name: {"api_key": PROVIDER_KEY, "upstream": origin, "on_disconnect": policy}
            for name, policy in POLICIES.items()
        }
        settings = {
            "database": f"sqlite:///{folder}/disk/books.db",
            "admin_token": ADMIN_TOKEN,
            "rates_dir": str(rates),
            "limits": {**LIMITS, **(limits or {})},
        }
        house = House(folder, chosen, settings, prefix=disk.inside if disk is not None else ())
        (folder / "books.db.admin-token").write_text(ADMIN_TOKEN)
        house.start()
        try:
            desk = Desk(house)
            seen_from_here = disk.outside if disk is not None else folder / "disk"
            accounts = [desk.account("100000"), desk.account("0.05")]
            yield Stage(house, desk, disk, log, seen_from_here / "books.db", accounts)
        finally:
            house.stop()


def rates_of(integration: str) -> dict[str, object]:
    """Return a rates file for the rig's models: each call has one of its own."""
    usd = {"input_tokens": str(INPUT_NANOS / 1000), "output_tokens": str(OUTPUT_NANOS / 1000)}
    return {
        "integration": integration,
        "source": "made up for the rig",
        "checked": "2026-11-21",
        "per": 1_000_000,
        "models": [{"match": ["rig-*"], "window": 100_000, "output_max": 10_000, "rates": [{"usd": usd}]}],
    }


async def run(order: Order, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Result:
    """Carry an order out."""
    began = time.monotonic()
    dice = random.Random(order.seed)
    with stage(folder) as on:
        keys = {account.id: account.key for account in on.accounts}
        crowd = Callers(on.house.port, keys, random.Random(order.seed + 1), "rig-")
        crowd.up.set()
        calling = asyncio.gather(*(crowd.call(number) for number in range(order.callers)))
        deaths: list[tuple[float, float]] = []
        died, troubles = Counter[str](), Counter[str]()
        for number in range(order.deaths):
            trouble, death = roll(dice, on.disk)
            troubles[trouble] += 1
            died[death] += 1
            start = time.time()
            await one_life(on, crowd, trouble, death, dice.randint(1, order.answers), dice.uniform(0.02, 0.6))
            deaths.append((start, time.time()))
            tell(f"{number + 1} of {order.deaths} deaths, {len(crowd.saw)} calls, last: {trouble}, then {death}")
        crowd.stopped = True
        await calling
        crowd.saw += await stampede(on, order, keys)
        books = await asyncio.to_thread(at_rest, on)
        return Result(
            order,
            audit(read_log(on.log), crowd.saw, books, deaths),
            died,
            troubles,
            len(crowd.saw),
            time.monotonic() - began,
            on.disk is not None,
        )


async def one_life(on: Stage, crowd: Callers, trouble: Trouble, death: Death, answers: int, troubled_s: float) -> None:
    """Let the server answer so many calls, and go on for a while in trouble; let it die, and start it again."""
    process = on.house.process
    if process is None:
        raise AssertionError("the server is not running")
    await crowd.answer(answers, LIFE_S_MAX)
    async with troubled(trouble, on.database, process.pid, on.disk):
        await asyncio.sleep(troubled_s if trouble is not Trouble.NONE else 0)
        if death is Death.KILLED:
            process.kill()
        elif death is Death.BROKEN:
            break_disk(process.pid)
        else:
            process.terminate()
        if death is Death.KILLED:
            crowd.up.clear()
    with contextlib.suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(process.wait, GOES_OUT_S)
    if process.poll() is None:
        process.kill()
        process.wait()
    crowd.up.clear()
    await asyncio.to_thread(on.house.start)
    crowd.up.set()


async def stampede(on: Stage, order: Order, keys: dict[str, str]) -> list[Saw]:
    """Let a crowd call at the same moment, of whom most hang up."""
    dice = random.Random(order.seed + 2)
    many = Callers(on.house.port, keys, dice, "rig-crowd-")

    async def one(number: int) -> None:
        saw = Saw(many.plan(f"{many.prefix}{number:06d}", dice), next(iter(keys)))
        many.saw.append(saw)
        with contextlib.suppress(OSError, EOFError):
            await many.make(saw)

    await asyncio.gather(*(one(number) for number in range(order.crowd)))
    return many.saw


def at_rest(on: Stage) -> Books:
    """Wait until nothing is on hold and the provider has billed all it was sent, and read the books."""
    deadline = time.monotonic() + SETTLES_S
    while time.monotonic() < deadline:
        told = on.log.read_text()
        if told.count('"begun"') * 2 == told.count("\n") and not on.desk.ask("GET", "/holds")["data"]:
            break
        time.sleep(0.1)
    return read_books(on.desk, [account.id for account in on.accounts])
