"""The hunt for one planted bug: world after world, until one of them finds something."""

from msgspec import Struct

from simulator.bugs import plant
from simulator.world import play

WORLDS = 40
AIMS = (None, ("crash", "ending"), None, ("crash", "late"), None, ("crash", "streaming"))
"""Half of the worlds kill the server where most is at stake."""


class Found(Struct, frozen=True, order=True):
    """Where a bug was found, and by what; `seed` is None if it was not."""

    bug: str
    seed: int | None
    finding: str


def hunt(bug: str, first: int = 0) -> Found:
    """Play worlds with a bug until one finds it: the one that is said to first."""
    with plant(bug):
        for seed in (first, *(each for each in range(WORLDS) if each != first)):
            result = play(seed, aim=AIMS[seed % len(AIMS)])
            if result.findings:
                return Found(bug, seed, result.findings[0])
    return Found(bug, None, "")
