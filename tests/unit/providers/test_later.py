import pytest
from doubles.jobs import JOB

from proxy.providers.later import Fate, fill, named
from proxy.usage.reading import Reading


@pytest.mark.parametrize(
    ("reading", "fate"),
    [
        (Reading(state="done"), Fate.DONE),
        (Reading(state="done", failed=True), Fate.FAILED),
        (Reading(state="failed"), Fate.FAILED),
        (Reading(state="running"), Fate.RUNS),
        (Reading(state="running", failed=True), Fate.FAILED),
        (Reading(), Fate.RUNS),
        (Reading(state="done", unparsed=True), Fate.RUNS),
        (Reading(state="done", invalid=True), Fate.RUNS),
    ],
)
def test_how_far_work_has_come(reading: Reading, fate: Fate) -> None:
    assert JOB.judge(reading) is fate


@pytest.mark.parametrize(
    ("path", "names", "filled"),
    [
        ("/v1/jobs/{id}", {"id": "job-1"}, "/v1/jobs/job-1"),
        ("/{version}/{id}", {"version": "v1", "id": "models/a/operations/b:c"}, "/v1/models/a/operations/b:c"),
        ("/v1/plain", {}, "/v1/plain"),
        ("/v1/{output}", {"id": "job-1"}, None),
        ("/v1/{id}", {"id": "../admin"}, None),
        ("/v1/{id}", {"id": "a//b"}, None),
        ("/v1/{id}", {"id": "a?b=c"}, None),
        ("/v1/{id}", {"id": "a%2Fb"}, None),
        ("/v1/{id}", {"id": "a b"}, None),
        ("/v1/{id}", {"id": ""}, None),
    ],
)
def test_a_path_leads_only_where_its_template_does(path: str, names: dict[str, str], filled: str | None) -> None:
    assert fill(path, names) == filled


def test_names_are_the_first_of_each_kind_and_the_works_own() -> None:
    reading = Reading(object_ids=(("output", "f-1"), ("output", "f-2"), ("id", "evil")))
    assert named("job-1", reading) == {"output": "f-1", "id": "job-1"}
    assert named("job-1", None) == {"id": "job-1"}
