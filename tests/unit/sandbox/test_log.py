from proxy.sandbox.log import Log


def test_records_are_kept_in_order_and_bounded() -> None:
    log = Log(records_max=2)
    for path in ("/a", "/b", "/c"):
        log.open(1, "GET", path)
    assert [(record.number, record.path) for record in log] == [(2, "/b"), (3, "/c")]
    assert (log.count, len(log), log[-1].path) == (3, 2, "/c")
    assert log[0].end == "open"
    log.clear()
    assert (log.count, len(log)) == (3, 0)
