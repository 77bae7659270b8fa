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
from doubles.recordings import CORPUS, PROVIDERS, needs_corpus
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
WAITING = {"azure-openai", "xai", "vertex"}
"""Providers whose sessions wait for a file of theirs."""
READ = [(name, one) for name, one in ALL if one["provider"] not in WAITING]
each_session = pytest.mark.parametrize(("name", "recording"), READ, ids=[name for name, _ in READ])

Frame = dict[str, Any]


def endpoint_of(recording: Any) -> Any:
    path = recording["request"]["path"].partition("?")[0]
    found = PROVIDERS[recording["provider"]]
    return next(one for one in found.endpoints if one.method == WEBSOCKET and one.template.match(path) is not None)


def turns(recording: Any, frames: Iterable[Frame]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Read each turn by itself, and add them up."""
    reader = Reader(endpoint_of(recording).reader, Framing.JSON)
    used: Counter[str] = Counter()
    others: dict[str, Counter[str]] = {}
    for frame in frames:
        if frame["dir"] != "s2c" or "data" not in frame:
            continue
        reader.frame(json.dumps(frame["data"]).encode())
        if reader.complete:
            add(reader, used, others)
            reader = reader.next()
    add(reader, used, others)
    return used, others


def add(reader: Reader, used: Counter[str], others: dict[str, Counter[str]]) -> None:
    reading = reader.snapshot()
    assert not reading.invalid
    assert not reading.unparsed
    used.update(reading.usage)  # type: ignore[arg-type]  # quantities, not counts
    for model, units in reading.other_models.items():
        others.setdefault(model, Counter()).update(units)  # type: ignore[arg-type]  # quantities, not counts


def expected(recording: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    usage = {unit: amount for unit, amount in recording["expected"].items() if unit != "model"}
    return usage, recording.get("expected_other_models") or {}


@each_session
def test_turns_add_up_to_what_was_used(name: str, recording: Any) -> None:
    assert turns(recording, recording["response"]["frames"]) == expected(recording)


@each_session
def test_noise_between_messages_changes_nothing(name: str, recording: Any) -> None:
    dice = random.Random(name)
    noise = [{"dir": "s2c", "data": {"type": "news", "n": 1}}, {"dir": "s2c", "data": {"usage": {"input_tokens": 9}}}]
    mixed = [each for frame in recording["response"]["frames"] for each in (*dice.choices(noise, k=1), frame)]
    shuffled = [
        {**each, "data": dict(dice.sample(list(each["data"].items()), len(each["data"])))} if "data" in each else each
        for each in mixed
    ]
    assert turns(recording, shuffled) == expected(recording)


async def play(recording: Any, folder: Path) -> Conversation:
    """Let a recorded session happen between a caller, the house and a provider, message by message."""
    integration = CATALOGUE.providers[recording["provider"]].switch_on("sk-operator", "http://provider", Policy())
    scene = Conversation(RealBooks(folder / "books.db", StillClock()))
    scene.doors = structs.replace(scene.doors, house=make_house(integration))
    await scene.open(nanos=100 * CREDIT)
    await scene.books.use_rates(CATALOGUE.card, scene.clock.now())
    target = f"/{recording['provider']}{recording['request']['path']}"
    opening = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "a2V5"), ("x-goog-api-key", KEY)]
    task = scene.begin(Head(WEBSOCKET, target, "localhost", [*opening, ("Authorization", f"Bearer {KEY}")]))
    sent = {"c2s": 0, "s2c": 0}
    for frame in recording["response"]["frames"]:
        if "data" not in frame:
            continue
        sent[frame["dir"]] += 1
        side, other = (scene.caller, scene.provider) if frame["dir"] == "c2s" else (scene.provider, scene.caller)
        side.says(frame["data"])
        await other.until(sent[frame["dir"]])
    scene.caller.leaves(1000)
    await task
    assert scene.caller.closed == scene.provider.closed == (1000, b""), scene.caller.events[-1:]
    assert [document(one.data) for one in scene.provider.told] == [
        frame["data"] for frame in recording["response"]["frames"] if frame["dir"] == "c2s"
    ]
    return scene


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
    assert (used, others) == expected(recording)
    exceeded = b"".join(
        line for line in generate_latest(scene.metrics.registry).splitlines() if b"hold_exceeded_total{" in line
    )
    assert exceeded == b"", "a turn cost more than was held for it"
    assert (await scene.money())[1] == 0
    await scene.books.close()


def test_every_session_of_the_corpus_is_read_or_waits() -> None:
    assert {one["provider"] for _, one in ALL} == {one["provider"] for _, one in READ} | WAITING
    assert len(ALL) == 35
