"""The provider, a process of its own: `python -m rig.provider LOG`. It prints its port and serves until it is killed.

It does what the plan in each request says, and writes into its log what it bills: a line when a request is complete,
and a line when no more of it will be generated. Each is one write to a file opened for appending, so that not even a
kill of its own could tear or lose it. Its bill is the truth that the books are held against.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import uvloop

from rig.plan import HEADER, PADDING, PIECE, TOKENS_OF_PIECE, Ends, Plan, read_plan

PROVIDER_KEY = "sk-of-the-operator"
HEAD_BYTES_MAX = 2**16


@dataclass
class Bill:
    """What has come of one answer so far. `reported`: its usage was sent; `left`: nobody listened any more."""

    output: int = 0
    reported: bool = False
    left: bool = False
    whole: bool = False


class Log:
    """The truth, on disk."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def begun(self, plan: Plan) -> None:
        """A request is complete: from now on it is billed."""
        self._write({"call": plan.name, "integration": plan.integration, "at": time.time(), "begun": True})

    def ended(self, plan: Plan, bill: Bill) -> None:
        """Nothing more is generated for it."""
        billed = bill.output if plan.ends is not Ends.REFUSED else 0
        self._write(
            {
                "call": plan.name,
                "at": time.time(),
                "input": plan.input if plan.ends is not Ends.REFUSED else 0,
                "output": billed,
                "reported": bill.reported,
                "left": bill.left,
                "whole": bill.whole,
            }
        )

    def _write(self, told: dict[str, object]) -> None:
        os.write(self._file, json.dumps(told).encode() + b"\n")


def usage_of(plan: Plan) -> dict[str, object]:
    """Return the usage that an answer reports."""
    return {
        "prompt_tokens": plan.input,
        "completion_tokens": plan.output,
        "total_tokens": plan.input + plan.output,
        "completion_tokens_details": {"reasoning_tokens": plan.hidden},
    }


def whole_answer(plan: Plan) -> bytes:
    """Return the body of an answer in one piece."""
    message = {"role": "assistant", "content": PIECE * plan.pieces}
    answer: dict[str, object] = {
        "id": f"chatcmpl-{plan.name}",
        "object": "chat.completion",
        "model": plan.name,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    if plan.ends is not Ends.UNREPORTED:
        answer["usage"] = usage_of(plan)
    return json.dumps(answer).encode()


def chunk(data: bytes) -> bytes:
    """Frame one piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(plan: Plan, **more: object) -> bytes:
    """Return one event of a stream."""
    told = {"id": f"chatcmpl-{plan.name}", "object": "chat.completion.chunk", "model": plan.name, **more}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def events(plan: Plan) -> list[tuple[bytes, int, bool]]:
    """Return the pieces of a stream, framed: bytes, output tokens so far, whether the usage stands in it."""
    word = PIECE + (PADDING if plan.padded else "")
    made, tokens = [], plan.hidden
    for _ in range(plan.pieces):
        tokens += TOKENS_OF_PIECE
        made.append((chunk(event(plan, choices=[{"index": 0, "delta": {"content": word}}])), tokens, False))
    finish = event(plan, choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if plan.ends is Ends.UNREPORTED:
        made.append((chunk(finish + b"data: [DONE]\n\n"), tokens, False))
    else:
        made.append((chunk(finish), tokens, False))
        made.append((chunk(event(plan, choices=[], usage=usage_of(plan))), tokens, True))
        made.append((chunk(b"data: [DONE]\n\n"), tokens, True))
    return made


def head(status: str, content_type: str, framing: str) -> bytes:
    """Return the head of an answer."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode()


STREAM_HEAD = head("200 OK", "text/event-stream", "Transfer-Encoding: chunked")


async def pieces(plan: Plan, bill: Bill) -> AsyncIterator[bytes]:
    """Generate an answer; `bill` keeps up with what was generated."""
    await asyncio.sleep(plan.think_ms / 1000)
    bill.output = plan.hidden
    if plan.ends in (Ends.REFUSED, Ends.BILLED):
        told: dict[str, object] = {"error": {"message": "busy", "type": "server_error", "code": None, "param": None}}
        if plan.ends is Ends.BILLED:
            told |= {"model": plan.name, "usage": usage_of(plan)}
            bill.output = plan.output
        body = json.dumps(told).encode()
        yield head("503 Busy", "application/json", f"Content-Length: {len(body)}") + body
        return
    if plan.stream:
        yield STREAM_HEAD
        for data, tokens, reported in events(plan):
            bill.output = tokens
            yield data
            bill.reported |= reported
            await asyncio.sleep(plan.pause_ms / 1000)
        yield b"0\r\n\r\n"
        return
    await asyncio.sleep(plan.pieces * plan.pause_ms / 1000)
    bill.output = plan.output
    body = whole_answer(plan)
    yield head("200 OK", "application/json", f"Content-Length: {len(body)}") + body
    bill.reported = plan.ends is not Ends.UNREPORTED


def length_of(plan: Plan) -> int:
    """Return the bytes of the whole answer after its head."""
    if plan.stream:
        return sum(len(data) for data, _, _ in events(plan)) + 5
    return len(whole_answer(plan))


class Provider:
    """Serves connections."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer_one(reader, writer):
                pass
        writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().partition(": ")[::2] for line in lines[1:] if line)
        await reader.readexactly(int(fields.get("content-length", "0")))
        if fields["authorization"] != f"bearer {PROVIDER_KEY}":
            raise ConnectionError("not the operator's key")
        name = f"{HEADER}: "
        plan = read_plan(next(line[len(name) :] for line in lines if line.lower().startswith(name)))
        self._log.begun(plan)
        bill = Bill()
        try:
            await self._play(plan, bill, reader, writer)
        finally:
            if bill.left and plan.goes_on:
                bill.output = plan.output
            self._log.ended(plan, bill)
        return bill.whole

    async def _play(self, plan: Plan, bill: Bill, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send the answer, as much of it as the plan says and as long as somebody listens."""
        room = int(plan.cut_at * length_of(plan)) if plan.ends in (Ends.CUT, Ends.RESET) else None
        try:
            async for data in pieces(plan, bill):
                if reader.at_eof() or reader.exception() is not None:
                    raise ConnectionResetError
                sent = data if room is None else data[: room + body_at(data)]
                writer.write(sent)
                await writer.drain()
                if len(sent) < len(data):
                    end(writer, reset=plan.ends is Ends.RESET)
                    return
                if room is not None:
                    room -= len(sent) - body_at(data)
            bill.whole = True
        except ConnectionError:
            bill.left = True


def body_at(data: bytes) -> int:
    """Return where the body begins in a piece of an answer."""
    return data.index(b"\r\n\r\n") + 4 if data.startswith(b"HTTP/") else 0


def end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """End a connection in the middle of an answer."""
    if reset:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    writer.close()


async def main(log: Path) -> None:
    """Listen on a free port, print it, and serve."""
    server = await asyncio.start_server(Provider(Log(log)).serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
