"""What the shipped shapes answer, without a socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from doubles.sound import wav

from proxy.sandbox.reply import Fault, Reply, Request
from proxy.sandbox.responder import Responder
from proxy.sandbox.steering import PLAIN, Steering
from proxy.wire.sound import seconds_of

Make = Callable[[str], Responder]
ASK = [{"role": "user", "content": "How deep is the sea near Norway?"}]
CHAT = "/v1/chat/completions"
CHAT_BODY = {"model": "gpt-4o", "messages": ASK}
CHAT_STREAM = {**CHAT_BODY, "stream": True, "stream_options": {"include_usage": True}}
MESSAGE = {"model": "claude-sonnet-5", "max_tokens": 400, "messages": ASK}
GEMINI = "/v1beta/models/gemini-2.5-flash"
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "How deep is the sea near Norway?"}]}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def send(to: Responder, path: str, body: Any = None, steering: Steering = PLAIN, method: str = "POST") -> Reply:
    path, _, query = path.partition("?")
    return to.reply(Request(method, path, query, {}, json.dumps(body).encode() if body is not None else b""), steering)


def answer(to: Responder, path: str, body: Any = None, steering: Steering = PLAIN, method: str = "POST") -> Any:
    return json.loads(send(to, path, body, steering, method).body)


def stream(to: Responder, path: str, body: Any, steering: Steering = PLAIN) -> bytes:
    reply = send(to, path, body, steering)
    assert reply.events is not None
    return b"".join(moment.data for moment in reply.events)


def events(to: Responder, path: str, body: Any, steering: Steering = PLAIN, end: str = "\n") -> list[Any]:
    """Return the JSON of every event of a stream of server-sent events."""
    text = stream(to, path, body, steering).decode()
    assert text.endswith(end * 2)
    datas = [line.removeprefix("data: ") for line in text.split(end) if line.startswith("data: ")]
    return [json.loads(data) for data in datas if data != "[DONE]"]


class TestOpenAI:
    def test_chat(self, responder: Make) -> None:
        reply = send(responder("openai"), "/v1/chat/completions", {"model": "gpt-4o-mini", "messages": ASK})
        found = json.loads(reply.body)
        assert found["model"] == reply.model == "gpt-4o-mini-2024-07-18"
        assert found["object"] == "chat.completion"
        assert "sea" in found["choices"][0]["message"]["content"].lower()
        assert found["choices"][0]["finish_reason"] == "stop"
        usage, billed = found["usage"], reply.billed()
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] == billed["total"]
        assert usage["prompt_tokens"] == 8 + 3
        assert reply.headers["x-request-id"].startswith("req_")

    def test_a_stream_says_the_same(self, responder: Make) -> None:
        to = responder("openai")
        body = {"model": "gpt-5", "messages": ASK, "n": 2}
        whole = answer(to, "/v1/chat/completions", body)
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        chunks = events(to, "/v1/chat/completions", asked)
        for choice in whole["choices"]:
            deltas = [c["delta"] for chunk in chunks for c in chunk["choices"] if c["index"] == choice["index"]]
            assert "".join(delta.get("content") or "" for delta in deltas) == choice["message"]["content"]
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"] == whole["usage"]
        assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
        assert all(chunk["usage"] is None for chunk in chunks[:-1])
        assert stream(to, "/v1/chat/completions", asked).endswith(b"}\n\ndata: [DONE]\n\n")

    def test_usage_only_if_asked(self, responder: Make) -> None:
        body = {"model": "gpt-4o", "messages": ASK, "stream": True}
        chunks = events(responder("openai"), "/v1/chat/completions", body)
        assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)

    def test_a_tool_call(self, responder: Make) -> None:
        to = responder("openai")
        tools = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]
        body = {"model": "gpt-4o", "messages": ASK, "tools": tools, "tool_choice": "required"}
        message = answer(to, "/v1/chat/completions", body)["choices"][0]["message"]
        assert message["content"] is None
        assert set(json.loads(message["tool_calls"][0]["function"]["arguments"])) == {"city"}
        chunks = events(to, "/v1/chat/completions", {**body, "stream": True})
        parts = [c["choices"][0]["delta"].get("tool_calls") for c in chunks]
        streamed = "".join(part[0]["function"]["arguments"] for part in parts if part)
        assert streamed == message["tool_calls"][0]["function"]["arguments"]
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"

    def test_responses_stream_the_real_sequence(self, responder: Make) -> None:
        to = responder("openai")
        body = {"model": "gpt-4.1", "input": "How deep is the sea?", "stream": True}
        found = events(to, "/v1/responses", body)
        assert [event["sequence_number"] for event in found] == list(range(len(found)))
        kinds = [event["type"] for event in found]
        assert kinds[:4] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
        ]
        assert set(kinds[4:-4]) == {"response.output_text.delta"}
        assert kinds[-4:] == [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        first, last = found[0]["response"], found[-1]["response"]
        assert (first["status"], first["usage"], first["output"]) == ("in_progress", None, [])
        assert last["usage"]["total_tokens"] == last["usage"]["input_tokens"] + last["usage"]["output_tokens"]
        text = "".join(event["delta"] for event in found[4:-4])
        assert last["output"][0]["content"][0]["text"] == text == found[-4]["text"]
        assert answer(to, f"/v1/responses/{last['id']}", method="GET") == last

    def test_a_response_that_is_cut(self, responder: Make) -> None:
        to = responder("openai")
        body = {"model": "gpt-4.1", "input": "x", "max_output_tokens": 4}
        whole = answer(to, "/v1/responses", body)
        assert (whole["status"], whole["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert whole["usage"]["output_tokens"] == 4
        assert events(to, "/v1/responses", {**body, "stream": True})[-1]["type"] == "response.incomplete"

    def test_responses_are_kept_continued_and_deleted(self, responder: Make) -> None:
        to = responder("openai")
        first = answer(to, "/v1/responses", {"model": "gpt-4o", "input": "one"})
        path = f"/v1/responses/{first['id']}"
        assert answer(to, path, method="GET") == first
        items = answer(to, path + "/input_items", method="GET")["data"]
        assert items[0]["content"] == [{"type": "input_text", "text": "one"}]
        more = {"model": "gpt-4o", "input": "two", "previous_response_id": first["id"]}
        second = answer(to, "/v1/responses", more)
        assert second["usage"]["input_tokens"] == first["usage"]["total_tokens"] + 4
        assert answer(to, path, method="DELETE")["deleted"] is True
        for again in (lambda: send(to, path, method="GET"), lambda: send(to, "/v1/responses", more)):
            with pytest.raises(Fault) as fault:
                again()
            assert fault.value.status == 404
        unkept = answer(to, "/v1/responses", {"model": "gpt-4o", "input": "one", "store": False})
        with pytest.raises(Fault):
            send(to, f"/v1/responses/{unkept['id']}", method="GET")

    def test_embeddings_and_moderations(self, responder: Make) -> None:
        to = responder("openai")
        found = answer(to, "/v1/embeddings", {"model": "text-embedding-3-small", "input": ["abcd", "efgh"]})
        assert [len(item["embedding"]) for item in found["data"]] == [1536, 1536]
        assert found["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
        packed = {"model": "text-embedding-3-large", "input": "a", "dimensions": 6, "encoding_format": "base64"}
        assert len(answer(to, "/v1/embeddings", packed)["data"][0]["embedding"]) == 32
        assert len(answer(to, "/v1/moderations", {"input": ["a", "b", "c"]})["results"]) == 3

    def test_a_long_prompt_is_cached_the_second_time(self, responder: Make) -> None:
        to = responder("openai")
        body = {"model": "gpt-4o", "messages": [{"role": "system", "content": "rule " * 1500}, *ASK]}
        first, second = (answer(to, "/v1/chat/completions", body)["usage"] for _ in range(2))
        assert first["prompt_tokens"] == second["prompt_tokens"]
        assert first["prompt_tokens_details"]["cached_tokens"] == 0
        assert 1024 < second["prompt_tokens_details"]["cached_tokens"] <= second["prompt_tokens"]

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/v1/nothing", {}, 404),
            ("/v1/models", {}, 405),
            ("/v1/chat/completions", {"model": "gpt-4o"}, 400),
            ("/v1/chat/completions", None, 400),
            ("/v1/files", {"purpose": "x"}, 400),
        ],
    )
    def test_faults(self, responder: Make, path: str, body: Any, status: int) -> None:
        with pytest.raises(Fault) as fault:
            send(responder("openai"), path, body)
        assert fault.value.status == status


class TestAnthropic:
    def test_a_stream_says_the_same(self, responder: Make) -> None:
        to = responder("anthropic")
        whole = answer(to, "/v1/messages", MESSAGE)
        found = events(to, "/v1/messages", {**MESSAGE, "stream": True})
        kinds = [event["type"] for event in found]
        assert kinds[:3] == ["message_start", "content_block_start", "ping"]
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
        text = "".join(event["delta"]["text"] for event in found if event["type"] == "content_block_delta")
        assert text == whole["content"][0]["text"]
        assert found[0]["message"]["usage"]["output_tokens"] == 1
        assert found[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
        assert found[-2]["usage"]["input_tokens"] == found[0]["message"]["usage"]["input_tokens"]
        assert b"event: message_start\ndata: " in stream(to, "/v1/messages", {**MESSAGE, "stream": True})

    @pytest.mark.parametrize(
        ("ttl", "unit"), [("1h", "ephemeral_1h_input_tokens"), ("5m", "ephemeral_5m_input_tokens")]
    )
    def test_a_marked_prefix_is_written_then_read(self, responder: Make, ttl: str, unit: str) -> None:
        to = responder("anthropic")
        block = {"type": "text", "text": "rule " * 1500, "cache_control": {"type": "ephemeral", "ttl": ttl}}
        first, second = (answer(to, "/v1/messages", {**MESSAGE, "system": [block]})["usage"] for _ in range(2))
        assert first["cache_creation"][unit] == first["cache_creation_input_tokens"] > 1024
        assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"]
        assert second["cache_creation_input_tokens"] == first["cache_read_input_tokens"] == 0
        assert first["input_tokens"] == second["input_tokens"] > 0

    def test_tools_counting_and_stop_reasons(self, responder: Make) -> None:
        to = responder("anthropic")
        tool = {"name": "look", "input_schema": SCHEMA}
        called = answer(to, "/v1/messages", {**MESSAGE, "tools": [tool], "tool_choice": {"type": "any"}})
        assert called["content"][0]["input"].keys() == {"city"}
        assert called["stop_reason"] == "tool_use"
        assert answer(to, "/v1/messages", {**MESSAGE, "max_tokens": 3})["stop_reason"] == "max_tokens"
        counted = answer(to, "/v1/messages/count_tokens", MESSAGE)
        assert counted == {"input_tokens": answer(to, "/v1/messages", MESSAGE)["usage"]["input_tokens"]}


class TestGemini:
    @pytest.mark.parametrize("version", ["v1", "v1beta"])
    def test_a_stream_says_the_same(self, responder: Make, version: str) -> None:
        to = responder("gemini")
        path = f"/{version}/models/gemini-2.5-flash"
        whole = answer(to, path + ":generateContent", CONTENTS)
        found = events(to, path + ":streamGenerateContent?alt=sse", CONTENTS, end="\r\n")
        text = "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in found)
        assert text == whole["candidates"][0]["content"]["parts"][0]["text"]
        assert found[-1]["usageMetadata"] == whole["usageMetadata"]
        counts = [chunk["usageMetadata"]["candidatesTokenCount"] for chunk in found]
        assert counts == sorted(counts)
        usage = whole["usageMetadata"]
        parts = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
        assert usage["totalTokenCount"] == parts
        finishes = [chunk["candidates"][0].get("finishReason") for chunk in found]
        assert finishes == [None] * (len(found) - 1) + ["STOP"]
        array = json.loads(stream(to, path + ":streamGenerateContent", CONTENTS))
        assert [chunk["usageMetadata"] for chunk in array] == [chunk["usageMetadata"] for chunk in found]

    def test_a_maximum_that_thoughts_use_up(self, responder: Make) -> None:
        body = {**CONTENTS, "generationConfig": {"maxOutputTokens": 10}}
        found = answer(responder("gemini"), GEMINI + ":generateContent", body)
        assert found["candidates"][0]["finishReason"] == "MAX_TOKENS"
        usage = found["usageMetadata"]
        assert (usage["thoughtsTokenCount"], usage["candidatesTokenCount"]) == (10, 0)
        (chunk,) = events(responder("gemini"), GEMINI + ":streamGenerateContent?alt=sse", body, end="\r\n")
        assert chunk["candidates"][0]["finishReason"] == "MAX_TOKENS"

    def test_embeddings_counts_and_tools(self, responder: Make) -> None:
        to = responder("gemini")
        content = {"parts": [{"text": "abcdefgh"}]}
        one = answer(to, GEMINI + ":embedContent", {"content": content, "outputDimensionality": 5})
        assert len(one["embedding"]["values"]) == 5
        assert one["usageMetadata"]["promptTokenCount"] == 2
        many = answer(to, GEMINI + ":batchEmbedContents", {"requests": [{"content": content}] * 2})
        assert [len(item["values"]) for item in many["embeddings"]] == [3072, 3072]
        assert answer(to, GEMINI + ":countTokens", CONTENTS)["totalTokens"] == 8 + 3
        tools = [{"functionDeclarations": [{"name": "look", "parameters": SCHEMA}]}]
        body = {**CONTENTS, "tools": tools, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}
        whole = answer(to, GEMINI + ":generateContent", body)
        call = whole["candidates"][0]["content"]["parts"][0]["functionCall"]
        assert (call["name"], set(call["args"])) == ("look", {"city"})
        (chunk,) = events(to, GEMINI + ":streamGenerateContent?alt=sse", body, end="\r\n")
        assert chunk["candidates"] == whole["candidates"]


class TestSteered:
    def test_quantities(self, responder: Make) -> None:
        told = Steering(output_tokens=9, cached_tokens=5, reasoning_tokens=3, model="gpt-9")
        reply = send(responder("openai"), CHAT, CHAT_BODY, told)
        usage = json.loads(reply.body)["usage"]
        assert usage["completion_tokens"] == 12
        assert usage["prompt_tokens_details"]["cached_tokens"] == 5
        assert reply.model == json.loads(reply.body)["model"] == "gpt-9"

    def test_absurd_usage_is_reported_and_logged(self, responder: Make) -> None:
        told = Steering(usage='{"output": -7, "input": 1e300, "total": "many"}')
        reply = send(responder("openai"), CHAT, CHAT_BODY, told)
        usage = json.loads(reply.body)["usage"]
        assert (usage["completion_tokens"], usage["prompt_tokens"], usage["total_tokens"]) == (-7, 1e300, "many")
        assert reply.billed()["output"] == -7
        assert events(responder("openai"), CHAT, CHAT_STREAM, told)[-1]["usage"] == usage

    def test_usage_dropped_and_repeated(self, responder: Make) -> None:
        to = responder("openai")
        reply = send(to, CHAT, CHAT_BODY, Steering(drop_usage=True))
        assert "usage" not in json.loads(reply.body)
        assert reply.billed()["output"] > 0
        assert events(to, CHAT, CHAT_STREAM, Steering(drop_usage=True))[-1]["choices"] != []
        chunks = events(to, CHAT, CHAT_STREAM, Steering(repeat_usage=True))
        assert chunks[-1] == chunks[-2]
        assert chunks[-1]["usage"]["total_tokens"] > 0

    def test_chunks(self, responder: Make) -> None:
        chunks = events(responder("openai"), CHAT, CHAT_STREAM, Steering(chunks=33))
        assert sum(bool(c["choices"] and c["choices"][0]["delta"].get("content")) for c in chunks) == 33

    def test_faults_wear_the_providers_envelope(self, responder: Make) -> None:
        for name, kind in (("openai", "requests"), ("anthropic", "rate_limit_error"), ("gemini", "RESOURCE_EXHAUSTED")):
            reply = responder(name).fault(Fault(429, "slow down"), Steering(retry_after="7", location="/x"))
            assert reply.status == 429
            assert "slow down" in reply.body.decode()
            assert kind in reply.body.decode()
            assert (reply.headers["retry-after"], reply.headers["location"]) == ("7", "/x")


class TestMedia:
    """Sound, text of sound, and pictures."""

    def hear(self, responder: Make, **fields: str) -> Reply:
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + wav(2.5) + b"\r\n"
        raw = b"".join(parts) + file + b"--x--\r\n"
        headers = {"content-type": "multipart/form-data; boundary=x"}
        return responder("openai").reply(Request("POST", "/v1/audio/transcriptions", "", headers, raw), PLAIN)

    def test_speech_lasts_as_long_as_its_text(self, responder: Make) -> None:
        reply = send(responder("openai"), "/v1/audio/speech", {"model": "tts-1", "input": "x" * 50, "voice": "alloy"})
        assert reply.content_type == "audio/wav"
        assert seconds_of(reply.body) == pytest.approx(3, abs=0.01)

    def test_speech_as_events_reports_tokens(self, responder: Make) -> None:
        body = {"model": "gpt-4o-mini-tts", "input": "Hello", "voice": "alloy", "stream_format": "sse"}
        *_, done = events(responder("openai"), "/v1/audio/speech", body)
        assert done["usage"]["total_tokens"] == done["usage"]["input_tokens"] + done["usage"]["output_tokens"] > 0

    @pytest.mark.parametrize(
        ("model", "usage"),
        [
            ("whisper-1", {"type": "duration", "seconds": 3}),
            ("gpt-4o-transcribe", {"type": "tokens", "input_tokens": 25}),
        ],
    )
    def test_a_recording_is_as_long_as_it_is(self, responder: Make, model: str, usage: dict[str, Any]) -> None:
        found = json.loads(self.hear(responder, model=model).body)
        assert found["text"]
        assert found["usage"].items() >= usage.items()

    def test_words_alone_or_as_a_stream(self, responder: Make) -> None:
        reply = self.hear(responder, model="whisper-1", response_format="srt")
        assert (reply.content_type, reply.body[:1]) != ("application/json", b"{")
        streamed = self.hear(responder, model="gpt-4o-transcribe", stream="true")
        assert streamed.events is not None
        assert b"transcript.text.done" in b"".join(moment.data for moment in streamed.events)

    def test_as_many_pictures_as_asked_for(self, responder: Make) -> None:
        found = answer(
            responder("openai"), "/v1/images/generations", {"model": "gpt-image-1.5", "prompt": "cat", "n": 2}
        )
        assert len(found["data"]) == 2
        assert found["usage"]["output_tokens_details"]["image_tokens"] == found["usage"]["output_tokens"] > 0
