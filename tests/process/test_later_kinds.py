"""Every kind of work that finishes later, through one real process that is killed while all of it is open.

The process is driven once: all is begun, looked at by another tenant, killed, ended, looked at again, killed again;
then all is begun anew and fails. What was seen of each kind is checked kind by kind.
"""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.house import House
from support.kinds import KINDS, Kind, Maker
from support.upstream import upstream

PATIENCE_S = 20.0
FIRST_LOOK_S = 0.3
MARGIN = 1.2

Told = tuple[int, dict[str, str]]


@dataclass
class Story:
    """What was seen of one kind: answers to its beginning, to strangers and to its owner, holds, entries."""

    maker: Maker
    call: str = ""
    begun: Told = (0, {})
    strangers: list[int] = field(default_factory=list)
    held_nanos: int = 0
    held_after_kill: int = 0
    looks: list[Told] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""
    asked_in_vain: int = 0


class Drive:
    """The house, the providers of all kinds, and two tenants."""

    def __init__(self, house: House, makers: dict[str, Maker]) -> None:
        self.house = house
        self.stories = {name: Story(maker) for name, maker in makers.items()}
        self.key, self.other = house.tenant("acme", "1000"), house.tenant("other", "1000")

    def call(self, kind: Kind, method: str, path: str, key: str, body: Any = None) -> Told:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        content_type = "multipart/form-data; boundary=b" if isinstance(body, bytes) else "application/json"
        headers = {"authorization": f"Bearer {key}", "content-type": content_type}
        request = urllib.request.Request(f"{self.house.edge}/{kind.integration}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, {**dict(error.headers), "body": error.read().decode()}

    def begin(self, story: Story) -> Told:
        """Begin a new object of the kind."""
        kind, told = story.maker.kind, (0, {})
        for path, body in kind.begin:
            numbered = (
                json.loads(json.dumps(body).replace("-N", f"-{story.maker.made}")) if type(body) is dict else body
            )
            told = self.call(kind, "POST", path.replace("-N", f"-{story.maker.made}"), self.key, numbered)
            assert told[0] == 200, (kind.name, told)
        return told

    def look(self, story: Story, key: str) -> Told:
        """Look at the object of the kind."""
        kind = story.maker.kind
        return self.call(kind, "GET", kind.look.replace("{id}", story.maker.name), key)

    def holds(self) -> dict[str, int]:
        """Return what is on hold, by call."""
        page = self.house.cli("holds", "list", "acme")
        return {hold["call"]: hold["held_nanos"] for hold in page["data"]}

    def until_nothing_is_held(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.holds():
            assert time.monotonic() < deadline, (self.holds(), self.house.log)

    def run(self) -> None:
        """Do all of it."""
        for story in self.stories.values():
            story.begun = self.begin(story)
            story.call = story.begun[1]["faregate-call-id"]
            story.strangers.append(self.look(story, self.other)[0])
        before = self.holds()
        self.house.kill()
        self.house.start()
        after = self.holds()
        for story in self.stories.values():
            story.held_nanos, story.held_after_kill = before[story.call], after[story.call]
            story.maker.state = "completed"
        for story in self.stories.values():
            story.looks += [self.look(story, self.key) for _ in range(2)]
        self.until_nothing_is_held()
        self.house.kill()
        self.house.start()
        for story in self.stories.values():
            story.looks.append(self.look(story, self.key))
            story.strangers.append(self.look(story, self.other)[0])
        self.fail()
        asked = {name: len(story.maker.seen) for name, story in self.stories.items()}
        time.sleep(3 * FIRST_LOOK_S)
        entries = self.house.calls("acme")
        for name, story in self.stories.items():
            story.asked_in_vain = len(story.maker.seen) - asked[name]
            story.entries = [entry for entry in entries if entry["call"]["id"] in (story.call, story.failed)]

    def fail(self) -> None:
        """Begin all of it anew, and let it fail."""
        for story in self.stories.values():
            story.maker.state = "queued"
            story.failed = self.begin(story)[1]["faregate-call-id"]
        for story in self.stories.values():
            story.maker.state = "failed"
        self.until_nothing_is_held()


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    makers: dict[str, Maker] = {}
    with contextlib.ExitStack() as stack:
        providers = {}
        for integration in sorted({kind.integration for kind in KINDS}):
            mine = [Maker(kind) for kind in KINDS if kind.integration == integration]
            makers |= {maker.kind.name: maker for maker in mine}
            running = stack.enter_context(upstream(Together(mine)))
            providers[integration] = {"api_key": "sk-operator", "upstream": running.origin}
        house = House(
            tmp_path_factory.mktemp("house"), providers, {"limits": {"later_first_look_s": FIRST_LOOK_S}}
        ).start()
        try:
            driven = Drive(house, makers)
            driven.run()
            assert house.cli("ledger", "verify")["ok"]
            assert "Traceback" not in house.log
            yield driven
        finally:
            house.stop()


class Together:
    """Makers of several kinds at one provider: the first whose routes know a request answers it."""

    def __init__(self, makers: list[Maker]) -> None:
        self.makers = makers

    def __call__(self, connection: Any, seen: Any) -> None:
        """Answer one request."""
        line = seen.line.rsplit(" ", 1)[0]
        next((maker for maker in self.makers if maker.knows(line)), self.makers[0])(connection, seen)


@pytest.fixture(params=[kind.name for kind in KINDS])
def story(request: pytest.FixtureRequest, drive: Drive) -> Story:
    return drive.stories[request.param]


def test_it_is_held_at_its_creation_for_no_less_than_it_costs(story: Story) -> None:
    assert story.begun[0] == 200
    assert "faregate-charge-usd" not in story.begun[1]
    assert story.held_nanos >= story.maker.kind.cost * MARGIN


def test_it_does_not_exist_for_another_tenant(story: Story) -> None:
    assert story.strangers == [404, 404]


def test_its_hold_outlives_a_kill(story: Story) -> None:
    assert story.held_after_kill == story.held_nanos


def test_it_is_charged_once_to_the_call_that_made_it(story: Story) -> None:
    [entry] = story.entries
    kind = story.maker.kind
    assert (entry["call"]["id"], entry["call"]["usage"]) == (story.call, dict(kind.usage))
    assert entry["call"]["certainty"] == "exact"
    assert abs(entry["call"]["upstream_cost_nanos"] - kind.cost) <= 1
    assert abs(-entry["amount_nanos"] - kind.cost * MARGIN) <= 1
    assert [status for status, _ in story.looks] == [200, 200, 200]


def test_it_costs_nothing_when_it_fails(story: Story, drive: Drive) -> None:
    shown = drive.house.cli("calls", "show", story.failed)
    assert (shown["outcome"], story.failed != story.call) == ("upstream_error", True)
    assert story.failed not in {entry["call"]["id"] for entry in story.entries}


def test_nobody_asks_for_what_is_over(story: Story) -> None:
    assert story.asked_in_vain == 0
