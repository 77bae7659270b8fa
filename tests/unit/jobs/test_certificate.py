"""A certificate is renewed when its files have changed, and only then; the job goes on whatever came of it."""

import asyncio

import pytest

from proxy.jobs.certificate import keep_certificate
from proxy.tasks import Tasks


class Files:
    """A certificate whose files change every other time that they are looked at, and are never good."""

    def __init__(self) -> None:
        self.looks = 0
        self.renewals: list[int] = []
        self.done = asyncio.Event()

    def changed(self) -> bool:
        self.looks += 1
        return self.looks % 2 == 0

    def renew(self) -> bool:
        self.renewals.append(self.looks)
        if len(self.renewals) == 3:
            self.done.set()
        return False


async def test_it_is_renewed_when_its_files_have_changed() -> None:
    files, tasks = Files(), Tasks()
    job = tasks.start(keep_certificate(files, 0.001), name="certificate")
    await asyncio.wait_for(files.done.wait(), 10)
    assert files.renewals == [2, 4, 6]
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
