from proxy.doctor.finding import Finding, State, failed, ok, skipped, warning


def test_each_state_has_its_maker() -> None:
    assert ok("a", "b") == Finding("a", State.OK, "b", "")
    assert warning("a", "b", "c") == Finding("a", State.WARNING, "b", "c")
    assert failed("a", "b", "c") == Finding("a", State.FAILED, "b", "c")
    assert skipped("a", "b") == Finding("a", State.SKIPPED, "b", "")
