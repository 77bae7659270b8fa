"""One world: callers, a provider, an operator, and one server after the other, until everything is quiet."""

import asyncio
import contextlib
import logging
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct, json, structs

from proxy.errors import LedgerUnavailable
from proxy.loading.catalogue import load_catalogue
from proxy.loading.providers import Provider as ProviderFile
from proxy.pricing.card import RateCard
from proxy.providers.integration import Integration, Policy
from simulator.audit import audit
from simulator.caller import MODELS, Asked, request
from simulator.chance import STATES, WHOLE, Chance
from simulator.disk import Disk, rows, tear
from simulator.house import HELD_BYTES, Server, SimClock, SimIds
from simulator.loop import Deadlock, Life, SimLoop
from simulator.operator import Operator
from simulator.provider import Provider, Wire

PATIENCE_S = 12 * 3_600.0
"""How long a world may take to become quiet: work is looked at half an hour after a failed look at the latest."""

LOOK_S = 0.0007
"""How often it is looked whether a call has come to where a fault is to find it: commits take two milliseconds."""

LOOKS, LOOKS_AIMED = 1_500, 6_000
"""How often at most."""


class Result(Struct, frozen=True):
    """What became of a world: what was found, what had struck, how many calls there were."""

    seed: int
    findings: tuple[str, ...]
    calls: int
    struck: Mapping[str, int]
    cells: Mapping[tuple[str, str], int]
    seconds: float
    lives: int


@cache
def catalogue() -> tuple[Mapping[str, ProviderFile], RateCard]:
    """Return the shipped providers that worlds have, and a card of their models."""
    whole = load_catalogue()
    models = set(MODELS.values())
    integrations = {
        name: tuple(each for each in whole.card.integrations[name] if models & set(each.match))
        for name in ("openai", "anthropic")
    }
    card = structs.replace(whole.card, version="card 0", integrations=integrations, sources=())
    return {name: whole.providers[name] for name in integrations}, card


class World:
    """Plays one seed."""

    def __init__(
        self, seed: int, folder: Path, tell: Callable[[str], None], aim: tuple[str, str] | None = None
    ) -> None:
        self.chance = Chance(seed)
        self._aim = aim
        if aim is not None:
            self.chance.enabled |= {aim[0], "slow_commit"} if aim[1] == "late" else {aim[0]}
        self.chance.told = lambda what: tell(f"{self.loop.time():12.4f} {what}")
        self.tell = self.chance.told
        self.loop = SimLoop(self.chance.dice("order"), Disk(self.chance, self._complain).thread_s)
        self.path = folder / "books.db"
        self.findings: list[str] = []
        self.asked: list[Asked] = []
        self._dice = self.chance.dice("world")
        self.clock = SimClock()
        self.ids = SimIds(self.chance, self.clock)
        self.operator = Operator(self.chance, catalogue()[1])
        self.provider = Provider(self.chance, self._is_held, self._complain)
        self.server: Server | None = None
        self.lives = 0
        self._graves: list[Life] = []
        self._serving: list[Server] = []
        self._shown: dict[str, int] = {}
        self._guards: list[asyncio.Task[None]] = []
        self._integrations = self._switched_on()

    def _switched_on(self) -> dict[str, Integration]:
        policy = Policy(self._dice.choice(("drain", "abort")), self._dice.choice(("fair", "strict")), "refuse", {})
        return {
            name: provider.switch_on("sk-sim", "http://provider.test", policy)
            for name, provider in catalogue()[0].items()
        }

    def _complain(self, what: str) -> None:
        self.findings.append(what)

    def _is_held(self, call: str) -> bool:
        server = self._serving[-1]
        return server.store.peek("SELECT state FROM hold WHERE call = ?", (call,)) == [("held",)]

    def play(self) -> Result:
        """Play it to its end, and look into the books."""
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live())
        except Deadlock as dead:
            self.findings.append(f"the world stands still: {dead}")
        except Exception as error:  # noqa: BLE001  # a world that breaks has found something too
            self.findings.append(f"it raised {error!r}\n{traceback.format_exc()}")
        if not self.findings:
            self.findings += self._audit()
        self.loop.run_until_complete(self.loop.bury(self._graves))
        self.loop.close()
        asyncio.set_event_loop(None)
        return Result(
            self.chance.seed,
            tuple(self.findings),
            len(self.asked),
            Counter(self.chance.struck),
            Counter(self.chance.found),
            self.loop.time(),
            self.lives,
        )

    def _audit(self) -> list[str]:
        provider = self.provider
        return list(
            audit(
                self.path,
                self.operator.accounts,
                self.operator.cards,
                provider.bills,
                provider.sent,
                provider.whole,
                provider.refused,
                provider.done,
                self._shown,
                self.asked,
            )
        )

    async def _live(self) -> None:
        self.chance.quiet = True
        await self._start()
        server = await self._up()
        await self.operator.settle_in(
            server, self._dice.randint(1, 3), self._dice.choice((Decimal("0.002"), Decimal(5)))
        )
        self.chance.quiet = False
        length = 30.0 if self._aim else self._dice.choice((5.0, 60.0, 600.0))
        callers = [asyncio.create_task(self._caller(number, length)) for number in range(self._dice.randint(4, 24))]
        fate = asyncio.create_task(self._fate(length))
        payer = asyncio.create_task(self._payer(length))
        await asyncio.wait([*callers, fate, payer])
        self.chance.quiet = True
        for task in (*callers, fate, payer):
            task.result()
        await self._quiet_down()
        await self._look_once_more()

    async def _up(self) -> Server:
        """Return the server that runs, as soon as one does."""
        while self.server is None:
            await asyncio.sleep(0.05)
        return self.server

    async def _start(self, *, quiet: bool = False) -> None:
        """Start the server, again and again if its disk does not let it."""
        before, self.chance.quiet = self.chance.quiet, quiet or self.chance.quiet
        while True:
            self.lives += 1
            server = Server(
                self.lives,
                self.path,
                self.chance,
                self.clock,
                self.ids,
                Wire(self.provider),
                self._integrations,
                self._complain,
            )
            self._serving.append(server)
            try:
                await server.start(self.operator.card)
            except LedgerUnavailable as error:
                self.tell(f"life {self.lives} cannot begin: {error}")
                self._kill(server)
                await asyncio.sleep(1.0)
                continue
            break
        self.chance.quiet = before
        self.server = server
        self.tell(f"life {self.lives}")
        self._guards.append(asyncio.create_task(self._dead_disk(server)))

    async def _dead_disk(self, server: Server) -> None:
        """A process whose disk has failed for good ends at once, and is started again."""
        await server.broken.wait()
        if self.server is server:
            await self._crash(server)

    def _kill(self, server: Server) -> None:
        if self.server is server:
            self.server = None
        self.loop.kill(server.life)
        self._graves.append(server.life)
        server.connections_lost()
        self.provider.lost(server.life)
        server.store.drop()
        journal = self.path.with_name(self.path.name + ".journal")
        if journal.exists() and self.chance.strikes("torn_journal"):
            tear(journal, self._dice)

    async def _crash(self, server: Server) -> None:
        self._kill(server)
        self._remember_evidence()
        self.tell("killed")
        await asyncio.sleep(self._dice.uniform(0.1, 3.0))
        await self._start()

    def _remember_evidence(self) -> None:
        """Note what each call had shown, on disk, when its server died: no less may be charged."""
        held = "SELECT call, evidence FROM hold WHERE state = 'held' AND evidence <> ''"
        journal = self.path.with_name(self.path.name + ".journal")
        ended = journal.read_text(errors="replace") if journal.exists() else ""
        for call, evidence in rows(self.path, held):
            if f'"{call}"' not in ended:  # the journal knows better
                self._shown[call] = json.decode(evidence)["upstream_cost_nanos"]

    async def _fate(self, length: float) -> None:
        """What happens to the whole house while callers are at it: anything, or again and again what is aimed at."""
        while self.loop.time() < length:
            await asyncio.sleep(self._dice.uniform(0.0, length / 10))
            fault, state = self._aim or (self._dice.choice(WHOLE), self._dice.choice(STATES))
            await self._until(state, LOOKS_AIMED if self._aim else self._dice.choice((0, LOOKS)))
            server = self.server
            if server is None or (self._aim and state not in server.states()):
                continue
            if self.chance.strikes(fault):
                await self._strike(fault, server)

    async def _strike(self, fault: str, server: Server) -> None:
        """Let a fault of the whole house happen, to every call where it is."""
        self._note(fault, server.states())
        if fault == "crash":
            await self._crash(server)
        elif fault == "restart":
            self.server = None
            await server.drain()
            await self._start()
        elif fault == "clock_jump":
            self.clock.jumped += self._dice.choice((-3_600, -1, 1, 90, 7_200)) * 1_000_000
        else:
            await self._do(server, self.operator.deed(server, fault))

    async def _until(self, state: str, looks: int) -> None:
        """Wait a little for a call to come to a state, so that whatever happens next finds it there."""
        for _ in range(looks):
            if self.server is None or state in self.server.states():
                return
            await asyncio.sleep(LOOK_S)

    def _note(self, fault: str, states: list[str]) -> None:
        for state in states:
            self.chance.found[fault, state] += 1

    async def _payer(self, length: float) -> None:
        """Somebody pays in, now and then."""
        dice = self.chance.dice("payer")
        while self.loop.time() < length:
            await asyncio.sleep(dice.uniform(0.0, length / 8))
            server = await self._up()
            account = dice.choice(self.operator.accounts)
            await self._do(server, self.operator.pay(server, account, dice.randint(1, 3_000_000)))

    async def _do(self, server: Server, work: Coroutine[Any, Any, None]) -> None:
        """Do something for the operator; if his server dies meanwhile he gives up."""
        deed = asyncio.create_task(work)
        while not deed.done() and not server.life.dead:
            await asyncio.wait([deed], timeout=0.5)
        if deed.done():
            deed.result()

    async def _caller(self, number: int, length: float) -> None:
        """One application: a few calls, one after the other."""
        dice = self.chance.dice(f"caller {number}")
        for _ in range(dice.randint(1, 4)):
            await asyncio.sleep(dice.uniform(0.0, length / 2))
            server = await self._up()
            account = dice.choice(self.operator.accounts)
            target = dice.choice(tuple(MODELS))
            body = request(
                target,
                dice.choice((1, 10, 300)),
                dice.choice((5, 60, 4_000)),
                stream=dice.random() < 0.6 or "anthropic" in target,
                background=True,
            )
            asked = Asked(account.tenant.id, target, body, dice.choice(account.secrets), self.chance)
            self.asked.append(asked)
            server.take(asked)
            if self.chance.strikes("hang_up"):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asked.sink.over.wait(), dice.choice((0.005, 0.1, 1.0, 5.0)))
                self._note("hang_up", [server.state_of_asked(asked)])
                asked.sink.hang_up()
            await asked.sink.over.wait()

    async def _quiet_down(self) -> None:
        """Wait until nothing runs and nothing is waited for."""
        deadline = self.loop.time() + PATIENCE_S
        while self.loop.time() < deadline:
            server = await self._up()
            doors = server.doors
            if not (len(doors.running) or len(doors.tasks) or len(doors.waiting) or server.admitting):
                break
            await asyncio.sleep(10.0)
        else:
            self.findings.append("the world does not become quiet")
        server = await self._up()
        if len(server.journal):
            self.findings.append(f"{len(server.journal)} endings are still in the journal")
        for (call,) in server.store.peek("SELECT call FROM hold WHERE state = 'held'"):
            self.findings.append(f"{call} holds money, and nothing runs any more")
        if not server.doors.shared.take(HELD_BYTES):
            self.findings.append("memory that answers were kept in was not given back")

    async def _look_once_more(self) -> None:
        """End the server in good order, start it again, and let it verify its own books."""
        server = await self._up()
        await server.drain()
        await self._start(quiet=True)
        server = await self._up()
        verdict = await server.store.verify()
        self.findings += [f"verify: {fault.entry} {fault.problem}" for fault in verdict.faults]
        for guard in self._guards:
            guard.cancel()
        await server.drain()


def play(seed: int, tell: Callable[[str], None] = lambda _: None, aim: tuple[str, str] | None = None) -> Result:
    """Play the world of a seed. One with an `aim` lets a fault find calls in a state, as far as it can."""
    memory = Path("/dev/shm")  # what a virtual crash leaves need not survive a real one
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # what a world has to say it tells by its findings
    try:
        with tempfile.TemporaryDirectory(prefix="faregate-world-", dir=memory if memory.is_dir() else None) as folder:
            return World(seed, Path(folder), tell, aim).play()
    finally:
        logging.disable(before)
