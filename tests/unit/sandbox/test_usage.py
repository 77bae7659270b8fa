from proxy.sandbox.usage import Usage


def test_quantities_are_disjoint_and_add_up() -> None:
    slots = Usage(100, cached=30, written=20, written_long=10, visible=7, reasoning=5).slots({})
    assert slots["uncached"] + slots["cached"] + slots["written"] == slots["input"] == 100
    assert slots["written"] == slots["written_short"] + slots["written_long"] == 30
    assert slots["output"] == slots["visible"] + slots["reasoning"] == 12
    assert slots["total"] == 112


def test_overrides_stand_as_they_are() -> None:
    slots = Usage(1).slots({"output": -5, "input": "many"})
    assert (slots["output"], slots["input"], slots["total"]) == (-5, "many", 1)


def test_usage_so_far() -> None:
    assert Usage(3, visible=10, reasoning=2).at(4).slots({})["output"] == 6
    assert Usage(3, visible=10).at(40).visible == 10
