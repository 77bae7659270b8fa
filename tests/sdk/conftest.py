"""A stage for each module, and one run of its script in each of its environments; the tests look at what came of it.

A module says which `INTEGRATION` it is about, and in which `ENVIRONMENTS` its script runs.
"""

from collections.abc import Iterator

import pytest
from support.sdk import Run, Stage, interpreter, stage


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "run" in metafunc.fixturenames:
        metafunc.parametrize("run", metafunc.module.ENVIRONMENTS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("house"), request.module.INTEGRATION) as made:
        yield made


@pytest.fixture(scope="module")
def run(request: pytest.FixtureRequest) -> Run:
    interpreter(request.param)  # skips before anything is started
    scene: Stage = request.getfixturevalue("scene")
    return scene.run(request.param)
