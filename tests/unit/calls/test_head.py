"""A request's head: names compare without case, values are as sent."""

from proxy.calls.head import Head

HEAD = Head("POST", "/a?b", "host", [("X-Key", "one"), ("x-key", " two "), ("Accept", "")])


def test_values_in_order_whatever_the_case_they_were_sent_in() -> None:
    assert HEAD.values("x-key") == ["one", " two "]
    assert HEAD.values("accept") == [""]
    assert HEAD.values("absent") == []


def test_the_first_value_or_nothing() -> None:
    assert HEAD.value("x-key") == "one"
    assert HEAD.value("accept") == ""
    assert HEAD.value("absent") == ""


def test_what_came_is_kept_as_it_came() -> None:
    assert (HEAD.method, HEAD.target, HEAD.host) == ("POST", "/a?b", "host")
    assert list(HEAD.headers) == [("X-Key", "one"), ("x-key", " two "), ("Accept", "")]
