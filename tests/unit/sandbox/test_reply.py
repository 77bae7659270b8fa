from proxy.sandbox.reply import Reply
from proxy.sandbox.usage import Usage


def test_what_is_billed() -> None:
    reply = Reply(200, b"", "", {}, usage=Usage(10, visible=8, reasoning=2), overrides={"output": 99})
    assert reply.billed()["output"] == 99
    assert reply.billed(3)["output"] == 5
    assert reply.tokens == 10


def test_free_routes_bill_nothing() -> None:
    reply = Reply(200, b"", "", {})
    assert (reply.billed(), reply.billed(5), reply.tokens) == ({}, {}, 0)
