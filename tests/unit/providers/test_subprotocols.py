from proxy.calls.head import WEBSOCKET, Head
from proxy.providers.subprotocols import keys_in, offered


def head(*values: str) -> Head:
    return Head(WEBSOCKET, "/", "localhost", [("Sec-WebSocket-Protocol", value) for value in values])


def test_what_is_offered_comes_in_order_over_all_headers() -> None:
    assert offered(head("realtime, a.b ,, c", "d")) == ["realtime", "a.b", "c", "d"]
    assert offered(head()) == []


def test_a_key_stands_behind_its_beginning() -> None:
    assert keys_in(["realtime", "insecure.fg-1", "beta.v1"], ["insecure."]) == {1: "fg-1"}


def test_a_key_is_the_protocol_after_a_name_that_ends_in_a_comma() -> None:
    assert keys_in(["token", "fg-1"], ["token,"]) == {1: "fg-1"}
    assert keys_in(["token"], ["token,"]) == {}
    assert keys_in(["tokens", "fg-1"], ["token,"]) == {}
