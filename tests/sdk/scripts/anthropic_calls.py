"""Drives Anthropic's SDK, any major: what an application would do, then what goes wrong."""

import asyncio

from anthropic import Anthropic, AsyncAnthropic
from report import Report

MODEL = "claude-sonnet-5"
QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"name": "weather", "input_schema": SCHEMA}]


def of_usage(usage):
    """Return the usage with its overlaps: reads and writes of the cache are outside `input_tokens` here."""
    split = usage.cache_creation
    short, long = split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens
    read = usage.cache_read_input_tokens or 0
    return {
        "input_tokens": usage.input_tokens + read + short + long,
        "cache_read_tokens": read,
        "cache_write_tokens": short + long,
        "cache_write_1h_tokens": long,
        "output_tokens": usage.output_tokens,
    }


def note_message(report, name, message):
    report.meter(name, message.model, of_usage(message.usage))
    report.note(name, {"text": message.content[0].text, "stop": message.stop_reason})


def note_events(report, name, events):
    """Keep what a raw stream showed. Its last usage lacks the split of the cache, of which there is none here."""
    start = next(event.message for event in events if event.type == "message_start")
    end = next(event for event in events if event.type == "message_delta")
    output = end.usage.output_tokens
    report.meter(name, start.model, {**of_usage(start.usage), "output_tokens": output})
    pieces = [event.delta.text for event in events if event.type == "content_block_delta"]
    report.note(name, {"text": "".join(pieces), "stop": end.delta.stop_reason, "last": events[-1].type})


def messages(report, client):
    raw = client.messages.with_raw_response.create(model=MODEL, max_tokens=300, messages=QUESTION)
    note_message(report, "message", raw.parse())
    report.note("head", dict(raw.headers))
    note_events(
        report,
        "message stream",
        list(client.messages.create(model=MODEL, max_tokens=300, messages=QUESTION, stream=True)),
    )
    with client.messages.stream(model="claude-haiku-4-5", max_tokens=300, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    report.meter("stream helper", final.model, of_usage(final.usage))
    report.note("stream helper", {"text": text, "final": final.content[0].text})


def cached(report, client):
    """A cache that is written, for an hour and for five minutes, and read again."""
    for name, ttl in (("cache written", "1h"), ("cache read", "1h"), ("short cache written", "5m")):
        rules = {
            "type": "text",
            "text": f"The rules for {ttl} in {report.told['environment']}. " * 500,
            "cache_control": {"type": "ephemeral", "ttl": ttl},
        }
        answer = client.messages.create(model="claude-opus-4-8", max_tokens=20, system=[rules], messages=QUESTION)
        note_message(report, name, answer)


def tools(report, client):
    """A tool's round trip."""
    forced = {"type": "any"}
    asked = client.messages.create(model=MODEL, max_tokens=300, messages=QUESTION, tools=TOOLS, tool_choice=forced)
    report.meter("tool call", asked.model, of_usage(asked.usage))
    called = asked.content[0]
    report.note("tool call", {"name": called.name, "arguments": called.input, "stop": asked.stop_reason})
    result = {"type": "tool_result", "tool_use_id": called.id, "content": "Rain."}
    conversation = [*QUESTION, {"role": "assistant", "content": asked.content}, {"role": "user", "content": [result]}]
    note_message(
        report,
        "tool result",
        client.messages.create(model=MODEL, max_tokens=300, messages=conversation, tools=TOOLS),
    )


def free(report, client):
    """Routes that cost nothing."""
    report.note("count", client.messages.count_tokens(model=MODEL, messages=QUESTION).input_tokens)
    report.note("models", [model.id for model in client.models.list()])
    report.note("model", client.models.retrieve(MODEL).id)
    report.note("auth", sorted(name.lower() for name in client.auth_headers))


async def asynchronous(report, base, key):
    async with AsyncAnthropic(base_url=base, api_key=key) as client:
        note_message(
            report, "async message", await client.messages.create(model=MODEL, max_tokens=300, messages=QUESTION)
        )
        stream = await client.messages.create(model=MODEL, max_tokens=300, messages=QUESTION, stream=True)
        note_events(report, "async stream", [event async for event in stream])
        async with client.messages.stream(model=MODEL, max_tokens=300, messages=QUESTION) as stream:
            final = await stream.get_final_message()
        report.meter("async stream helper", final.model, of_usage(final.usage))


async def refused(base, key, ask):
    async with AsyncAnthropic(base_url=base, api_key=key) as client:
        await client.messages.create(**ask)


def streamed(client, ask):
    with client.messages.stream(**ask) as stream:
        stream.get_final_message()


def refusals(report, base, told):
    ask = {"model": MODEL, "max_tokens": 300, "messages": QUESTION}
    poor = Anthropic(base_url=base, api_key=told["poor"])
    report.fails("402 message", lambda: poor.messages.create(**ask))
    report.fails("402 stream", lambda: list(poor.messages.create(**ask, stream=True)))
    report.fails("402 stream helper", lambda: streamed(poor, ask))
    report.fails("402 async message", lambda: asyncio.run(refused(base, told["poor"], ask)))
    wrong = Anthropic(base_url=base, api_key="fg-nobody-has-this-key")
    report.fails("401", lambda: wrong.messages.create(**ask))
    right = Anthropic(base_url=base, api_key=told["key"])
    report.fails("404 model", lambda: right.messages.create(**{**ask, "model": "claude-none"}))
    report.fails("404 route", lambda: right.get("/v1/skills", cast_to=object))
    report.fails("404 file", lambda: right.beta.files.retrieve_metadata("file_of_somebody_else"))
    document = {"type": "document", "source": {"type": "file", "file_id": "file_of_somebody_else"}}
    foreign = {**ask, "messages": [{"role": "user", "content": [document]}]}
    report.fails("404 file used", lambda: right.beta.messages.create(**foreign))
    report.fails("400", lambda: right.messages.create(**{**ask, "stream": "yes"}))


def torn(report, base, told):
    """What the provider does wrong."""
    ask = {"model": MODEL, "max_tokens": 300, "messages": QUESTION}

    def client(retries=0, **steering):
        headers = {f"x-sandbox-{name.replace('_', '-')}": str(value) for name, value in steering.items()}
        return Anthropic(base_url=base, api_key=told["torn"], max_retries=retries, default_headers=headers)

    report.fails("429", lambda: client(1, status=429, retry_after="0.05").messages.create(**ask))
    report.fails("500", lambda: client(status=500).messages.create(**ask))
    report.fails("529", lambda: client(status=529).messages.create(**ask))
    leak = f"invalid x-api-key: {told['canary']}"
    report.fails("our key refused", lambda: client(2, status=401, message=leak).messages.create(**ask))
    report.fails("our key shown", lambda: client(status=400, message=leak).messages.create(**ask))
    report.fails("cut stream", lambda: list(client(cut_events=4).messages.create(**ask, stream=True)))
    report.fails("reset stream", lambda: list(client(cut_events=4, cut="reset").messages.create(**ask, stream=True)))
    report.fails("cut stream helper", lambda: streamed(client(cut_events=4), ask))
    report.fails("cut JSON", lambda: client(cut_bytes=40).messages.create(**ask))
    report.fails("failed stream", lambda: list(client(error_events=4).messages.create(**ask, stream=True)))


def main():
    report = Report()
    told = report.told
    base = f"{told['edge']}/anthropic"
    with Anthropic(base_url=base, api_key=told["key"]) as client:
        messages(report, client)
        cached(report, client)
        tools(report, client)
        free(report, client)
        asyncio.run(asynchronous(report, base, told["key"]))
    refusals(report, base, told)
    torn(report, base, told)
    report.tell()


if __name__ == "__main__":
    main()
