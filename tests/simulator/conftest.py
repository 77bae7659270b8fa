"""In a world everything is done at a moment of virtual time: what blocks there blocks nobody."""

import pytest


@pytest.fixture(autouse=True)
def blockbuster() -> None:
    """Take the place of the guard that all other tests have."""
