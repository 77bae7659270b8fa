"""A sync in another process: what it prints, how it fails, and that what it has written is reloaded, once."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from doubles.desk import RELOADED, SYNCED
from msgspec import json, structs

from proxy import syncing
from proxy.errors import BadConfig, BadRequest
from proxy.syncing import SCHEDULE, Syncer
from proxy.tenants.actor import Actor
from proxy.web.operator.documents.reload import ReloadDocument

BY = Actor("op", "1.2.3.4")
WRITTEN = structs.replace(SYNCED, written=True, files=("acme.synced.yaml",))
PRINTS = "import sys; sys.stdout.write(sys.argv[2] if '--write' in sys.argv else sys.argv[1])"


class Bench:
    def __init__(self, program: str, *arguments: str, file: Path | None = None) -> None:
        self.reloads: list[Actor] = []
        self.counted: list[str] = []
        self.fails: Exception | None = None
        command: Sequence[str] = (sys.executable, "-c", program, *arguments)
        self.syncer = Syncer(file, self.reload, self.counted.append, command)

    async def reload(self, by: Actor) -> ReloadDocument:
        self.reloads.append(by)
        if self.fails:
            raise self.fails
        return RELOADED


def printing(found: object = SYNCED, written: object = WRITTEN) -> Bench:
    return Bench(PRINTS, json.encode(found).decode(), json.encode(written).decode())


async def test_to_look_changes_nothing() -> None:
    bench = printing()
    done = await bench.syncer.sync(BY, False)
    assert (done.report, done.reload, bench.reloads, bench.counted) == (SYNCED, None, [], [])
    assert bench.syncer.quarantined is None


async def test_what_was_written_is_reloaded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "faregate.rates")
    bench = printing()
    done = await bench.syncer.sync(BY, True)
    assert (done.report, done.reload, bench.reloads, bench.counted) == (WRITTEN, RELOADED, [BY], ["written"])
    assert bench.syncer.quarantined == 1
    assert caplog.messages == [
        "rates synced with one 1 and two 2: 1 prices accepted, 1 models new, 1 prices in quarantine"
    ]


async def test_nothing_new_is_no_reload() -> None:
    bench = printing(written=structs.replace(WRITTEN, files=()))
    assert (await bench.syncer.sync(BY, True)).reload is None
    assert (bench.reloads, bench.counted) == ([], ["unchanged"])


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('import sys; sys.exit("""warn\n{"error": {"code": "bad_config", "message": "no list"}}""")', "no list"),
        ("import sys; sys.exit('cannot begin')", "cannot begin"),
        ("", "the sync ended without a word"),
        ("print('{}')", "the sync ended without a word"),
    ],
)
async def test_a_sync_that_fails_says_why(program: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(program)
    with pytest.raises(BadRequest) as refused:
        _ = await bench.syncer.sync(BY, True)
    assert (str(refused.value), refused.value.status, refused.value.code) == (said, 409, "sync_failed")
    assert (bench.counted, caplog.messages) == (["failed"], [f"rates were not synced: {said}"])
    await bench.syncer.on_schedule()  # goes on with what there is
    assert bench.counted == ["failed", "failed"]


async def test_what_cannot_be_put_in_force() -> None:
    bench = printing()
    bench.fails = BadConfig("faregate.yaml: at listen: mend it")
    with pytest.raises(BadRequest, match=r"what was written could not be put in force: faregate\.yaml"):
        _ = await bench.syncer.sync(BY, True)
    assert bench.counted == ["failed"]


async def test_on_schedule_it_writes_for_the_house() -> None:
    bench = printing()
    await bench.syncer.on_schedule()
    assert bench.reloads == [SCHEDULE]


async def test_the_other_process_reads_the_same_configuration(tmp_path: Path) -> None:
    program = f"import sys; sys.stdout.write(sys.argv[1]); assert sys.argv[2:] == ['--config', {str(tmp_path)!r}]"
    bench = Bench(program, json.encode(SYNCED).decode(), file=tmp_path)
    assert (await bench.syncer.sync(BY, False)).report == SYNCED


async def test_a_sync_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "SYNC_S_MAX", 0.2)
    bench = Bench("import time; time.sleep(60)")
    with pytest.raises(BadRequest, match=r"took over 0\.2 s and was stopped"):
        _ = await asyncio.wait_for(bench.syncer.sync(BY, False), 20)
