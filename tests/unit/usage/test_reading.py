"""How sure a reading is follows from what was seen."""

import pytest

from proxy.usage.certainty import Certainty
from proxy.usage.reading import Reading


@pytest.mark.parametrize(
    ("reading", "certainty"),
    [
        (Reading(), Certainty.NONE),
        (Reading(complete=True), Certainty.NONE),
        (Reading(reported=True, complete=True), Certainty.EXACT),
        (Reading(reported=True, complete=True, usage={"input_tokens": 1}), Certainty.EXACT),
        (Reading(reported=True, final=True), Certainty.EXACT),
        (Reading(reported=True, output_bytes=5), Certainty.AT_LEAST),
        (Reading(output_bytes=5), Certainty.AT_LEAST),
        (Reading(usage={"web_searches": 1}), Certainty.AT_LEAST),
        (Reading(output_bytes=5, complete=True), Certainty.ESTIMATED),
        (Reading(output_bytes=5, complete=True, invalid=True), Certainty.ESTIMATED),
    ],
)
def test_certainty(reading: Reading, certainty: Certainty) -> None:
    assert reading.certainty is certainty
