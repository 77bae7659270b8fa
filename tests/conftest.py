"""Rules for every test: nothing blocks the event loop, and properties run in one of two profiles.

`HYPOTHESIS_PROFILE=deep` looks much longer than the default `fast`, which every push runs.
"""

import os
from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

# No deadline: a shared machine is slow for reasons of its own, and pytest's own timeout ends what hangs.
# Function-scoped fixtures are fine: the one that every test has (below) keeps nothing between two examples.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
settings.register_profile("fast", max_examples=60, **_UNTIMED)
settings.register_profile("deep", max_examples=2_000, **_UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Fail the test in which code of `proxy` makes a blocking call on the event loop."""
    with blockbuster_ctx("proxy") as guard:
        # The loop's own handover to threads, and the C client's pools, take locks for a few instructions.
        guard.functions["threading.Lock.acquire"].deactivate()
        yield guard
