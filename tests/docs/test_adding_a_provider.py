"""The page that adds a provider, done as it says: an operator's own files, both checks, the first metered call."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.house import House
from support.newcomer import shell
from support.upstream import Seen, Upstream, json_answer, upstream

from proxy.loading.providers import load_providers
from proxy.loading.shipped import shipped
from proxy.usage.reader import Reader
from proxy.wire.framing import Framing

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operating" / "adding-a-provider.md"
TEXT = PAGE.read_text(encoding="utf-8")


def block(mark: str) -> str:
    """Return the fenced block below a mark of the page."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"the page has no block marked {mark!r}"
    return found[1]


def files() -> dict[str, str]:
    """Return every file that the page writes, by its path."""
    return {name: block(f"file: {name}") for name in re.findall(r"<!-- file: (\S+) -->", TEXT)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in files().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


@pytest.fixture
def meadow(folder: Path) -> Iterator[Upstream]:
    """Meadow itself, which answers as the page's exchange does."""
    answer = (folder / "exchanges/meadow/talk/hello/response.json").read_bytes().strip()
    with upstream(lambda connection, _: connection.sendall(json_answer(answer))) as made:
        yield made


def test_the_exchange_reads_as_the_page_expects(folder: Path) -> None:
    case = folder / "exchanges/meadow/talk/hello"
    providers = load_providers(shipped("config") / "providers", folder / "providers")
    [talk] = [each for each in providers["meadow"].endpoints if each.name == "talk"]
    assert talk.reader is not None
    for size in (1, 1000):
        reader, answer = Reader(talk.reader, Framing.JSON), (case / "response.json").read_bytes()
        for at in range(0, len(answer), size):
            reader.feed(answer[at : at + size])
        reading = reader.finish(whole=True)
        expected = json.loads((case / "expected.json").read_bytes())
        assert (reading.model, reading.usage, reading.certainty.value) == tuple(
            expected[name] for name in ("model", "usage", "certainty")
        )


@pytest.mark.process
def test_the_page_as_it_stands(folder: Path, meadow: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = yaml.safe_load(block("configuration"))
    wanted["providers"]["meadow"] |= {"api_key": "sk-meadow", "upstream": meadow.origin}
    house = House(folder, wanted.pop("providers"), wanted)
    (folder / "faregate.yaml").write_text(json.dumps({**wanted, "providers": house.providers}))
    checked = shell(folder, block("runs before the server"), FAREGATE_CONFIG=str(folder / "faregate.yaml"))
    assert "meadow" in checked
    house.start()
    try:
        script = block("runs on the server").replace("http://localhost:8080", house.edge)
        shell(folder, script, FAREGATE_CONFIG=str(folder / "faregate.yaml"))
        [entry] = house.calls("acme")
    finally:
        house.stop()
    assert entry["call"]["usage"] == {"input_tokens": 3, "cache_read_tokens": 2, "output_tokens": 4}
    assert (entry["call"]["upstream_cost_nanos"], entry["amount_nanos"]) == (39_000, -46_800)
    assert "0.0000468 USD" in TEXT
    [asked] = [seen for seen in meadow.seen if seen.line.startswith("POST")]
    assert_sent_as_the_file_says(asked)


def assert_sent_as_the_file_says(asked: Seen) -> None:
    assert asked.line == "POST /v1/talk HTTP/1.1"
    assert asked.headers["authorization"] == "Key sk-meadow"
    assert "x-meadow-key" not in asked.headers
    assert json.loads(asked.body) == {"model": "meadow-large", "say": "Hello", "words_max": 20}
