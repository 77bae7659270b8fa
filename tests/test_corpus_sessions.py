"""Every recorded WebSocket session reads turn by turn as the corpus says in all, and each turn's hold covered it.

The messages of a recording go through the session itself, with the provider's own file, rates and real books.
"""

import json
import random  # noqa: TID251  # seeded by the recording's name, so that a failure can be played again
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from doubles.acme import TENANT, make_house
from doubles.books import StillClock
from doubles.conversation import Conversation
from doubles.recordings import CORPUS, PROVIDERS, needs_corpus, units_of
from doubles.scene import CREDIT, KEY, RealBooks
from msgspec import structs
from prometheus_client import generate_latest

from proxy.calls.head import WEBSOCKET, Head
from proxy.ledger.bill import read_bill
from proxy.loading.catalogue import load_catalogue
from proxy.providers.integration import Policy
from proxy.providers.messages import document
from proxy.usage.certainty import Certainty
from proxy.usage.reader import Reader
from proxy.wire.framing import Framing

pytestmark = needs_corpus

CATALOGUE = load_catalogue()
PATHS = sorted(CORPUS.glob("*websocket*.json")) if CORPUS.is_dir() else []
ALL = [(path.stem, json.loads(path.read_bytes())) for path in PATHS]
DEPLOYMENTS = {"gpt-realtime-global-standard": "gpt-realtime"}
"""What the recorded deployments stand for: one that is not named is held at the dearest rate of all."""
each_session = pytest.mark.parametrize(("name", "recording"), ALL, ids=[name for name, _ in ALL])

Frame = dict[str, Any]


def endpoint_of(recording: Any) -> Any:
    path = recording["request"]["path"].partition("?")[0]
    found = PROVIDERS[recording["provider"]]
    return next(one for one in found.endpoints if one.method == WEBSOCKET and one.template.match(path) is not None)


def connections(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Part the frames of a caller that dials again after a close: each connection is a session of its own."""
    parts: list[list[Frame]] = [[]]
    for frame in frames:
        if "data" in frame:
            parts[-1].append(frame)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def turns(recording: Any, frames: Iterable[Frame]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Read each turn by itself, and add them up."""
    used: Counter[str] = Counter()
    others: dict[str, Counter[str]] = {}
    for part in connections(frames):
        read_turns(recording, part, used, others)
    return used, others


def read_turns(recording: Any, frames: Iterable[Frame], used: Counter[str], others: dict[str, Counter[str]]) -> None:
    reader = Reader(endpoint_of(recording).reader, Framing.JSON)
    for frame in frames:
        if frame["dir"] != "s2c":
            continue
        reader.frame(json.dumps(frame["data"]).encode())
        if reader.complete:
            add(reader, used, others)
            reader = reader.next()
    add(reader, used, others)


def add(reader: Reader, used: Counter[str], others: dict[str, Counter[str]]) -> None:
    reading = reader.snapshot()
    assert not reading.invalid
    assert not reading.unparsed
    used.update(reading.usage)  # type: ignore[arg-type]  # quantities, not counts
    for model, units in reading.other_models.items():
        others.setdefault(model, Counter()).update(units)  # type: ignore[arg-type]  # quantities, not counts


def expected(name: str, recording: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return units_of(name, recording), recording.get("expected_other_models") or {}


@each_session
def test_turns_add_up_to_what_was_used(name: str, recording: Any) -> None:
    assert turns(recording, recording["response"]["frames"]) == expected(name, recording)


@each_session
def test_noise_between_messages_changes_nothing(name: str, recording: Any) -> None:
    dice = random.Random(name)
    noise = [{"dir": "s2c", "data": {"type": "news", "n": 1}}, {"dir": "s2c", "data": {"usage": {"input_tokens": 9}}}]
    mixed = [each for frame in recording["response"]["frames"] for each in (*dice.choices(noise, k=1), frame)]
    shuffled = [
        {**each, "data": dict(dice.sample(list(each["data"].items()), len(each["data"])))} if "data" in each else each
        for each in mixed
    ]
    assert turns(recording, shuffled) == expected(name, recording)


async def play(recording: Any, folder: Path) -> Conversation:
    """Let recorded sessions happen between a caller, the house and a provider, message by message."""
    integration = CATALOGUE.providers[recording["provider"]].switch_on(
        "sk-operator", "http://provider", Policy(models=DEPLOYMENTS)
    )
    scene = Conversation(RealBooks(folder / "books.db", StillClock()))
    scene.doors = structs.replace(scene.doors, house=make_house(integration))
    await scene.open(nanos=100 * CREDIT)
    await scene.books.use_rates(CATALOGUE.card, scene.clock.now())
    for frames in connections(recording["response"]["frames"]):
        scene.meet()
        await play_one(scene, recording, frames)
    return scene


async def play_one(scene: Conversation, recording: Any, frames: list[Frame]) -> None:
    target = f"/{recording['provider']}{recording['request']['path']}"
    opening = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "a2V5"), ("x-goog-api-key", KEY)]
    task = scene.begin(Head(WEBSOCKET, target, "localhost", [*opening, ("Authorization", f"Bearer {KEY}")]))
    sent = {"c2s": 0, "s2c": 0}
    for frame in frames:
        sent[frame["dir"]] += 1
        side, other = (scene.caller, scene.provider) if frame["dir"] == "c2s" else (scene.provider, scene.caller)
        side.says(frame["data"])
        await other.until(sent[frame["dir"]])
    scene.caller.leaves(1000)
    await task
    assert scene.caller.closed == scene.provider.closed == (1000, b""), scene.caller.events[-1:]
    assert [document(one.data) for one in scene.provider.told] == [
        frame["data"] for frame in frames if frame["dir"] == "c2s"
    ]


@each_session
async def test_a_session_is_charged_for_it_and_was_held_for_it(name: str, recording: Any, tmp_path: Path) -> None:
    scene = await play(recording, tmp_path)
    used: Counter[str] = Counter()
    others: dict[str, Counter[str]] = {}
    for entry in await scene.books.entries(TENANT.id, 100):
        if entry.kind != "call":
            continue
        bill = read_bill(entry.bill)
        assert not bill.unpriced
        assert bill.certainty is Certainty.EXACT
        for part in bill.parts:
            into = used if part.model == bill.model else others.setdefault(part.model, Counter())
            into.update(part.usage)  # type: ignore[arg-type]  # quantities, not counts
    assert (used, others) == expected(name, recording)
    exceeded = b"".join(
        line for line in generate_latest(scene.metrics.registry).splitlines() if b"hold_exceeded_total{" in line
    )
    assert exceeded == b"", "a turn cost more than was held for it"
    assert (await scene.money())[1] == 0
    await scene.books.close()


def test_every_session_of_the_corpus_is_read() -> None:
    assert len(ALL) == 35
