from proxy.web.operator.documents.page import cut, moment


def test_cut() -> None:
    assert cut([1, 2], 1) == ([1], True)
    assert cut([1], 1) == ([1], False)
    assert cut([], 1) == ([], False)


def test_moment() -> None:
    assert moment(None) is None
    assert moment(0) == "1970-01-01T00:00:00.000000Z"
