"""Drives OpenAI's SDK, any major: what an application would do, then what goes wrong."""

import asyncio
import json

from openai import AsyncOpenAI, OpenAI
from report import Report

QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]


def of_chat(usage):
    cached = usage.prompt_tokens_details.cached_tokens
    return {"input_tokens": usage.prompt_tokens, "cache_read_tokens": cached, "output_tokens": usage.completion_tokens}


def of_responses(usage):
    cached = usage.input_tokens_details.cached_tokens
    return {"input_tokens": usage.input_tokens, "cache_read_tokens": cached, "output_tokens": usage.output_tokens}


def of_embeddings(usage):
    return {"input_tokens": usage.prompt_tokens}


def note_chat(report, name, answer):
    report.meter(name, answer.model, of_chat(answer.usage))
    report.note(name, {"text": answer.choices[0].message.content, "finish": answer.choices[0].finish_reason})


def note_chunks(report, name, chunks):
    """Keep what a stream showed: its text, and any trace of usage."""
    usage = [chunk.usage for chunk in chunks if chunk.usage]
    report.meter(name, chunks[0].model, of_chat(usage[0]) if usage else None)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    report.note(
        name,
        {
            "text": "".join(choice.delta.content or "" for choice in choices),
            "finish": choices[-1].finish_reason,
            "usages": len(usage),
            "without_choices": len(chunks) - len(choices),
        },
    )


def note_events(report, name, events):
    final = events[-1].response
    report.meter(name, final.model, of_responses(final.usage))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    report.note(name, {"text": "".join(pieces), "last": events[-1].type, "final": final.output_text})


def charged(report, client):
    """The answer's head carries the charge, and what the provider put there."""
    raw = client.chat.completions.with_raw_response.create(model="gpt-5.1", messages=QUESTION)
    answer = raw.parse()
    report.meter("with its head", answer.model, of_chat(answer.usage))
    report.note("head", dict(raw.headers))


def key_everywhere(report, base, key):
    """An application that puts its key wherever any provider takes one: all of it is the same key."""
    places = dict.fromkeys(("x-api-key", "api-key", "xi-api-key", "x-goog-api-key"), key)
    with OpenAI(base_url=base, api_key=key, default_headers=places) as client:
        note_chat(report, "key everywhere", client.chat.completions.create(model="gpt-5-mini", messages=QUESTION))


def chat(report, client):
    note_chat(report, "chat", client.chat.completions.create(model="gpt-5-mini", messages=QUESTION))
    note_chunks(
        report,
        "chat stream",
        list(client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, stream=True)),
    )
    note_chunks(
        report,
        "chat stream with usage",
        list(
            client.chat.completions.create(
                model="gpt-4.1", messages=QUESTION, stream=True, stream_options={"include_usage": True}
            )
        ),
    )
    long = [{"role": "system", "content": "The rules of the house. " * 500}, *QUESTION]
    for name in ("chat first", "chat cached"):
        note_chat(report, name, client.chat.completions.create(model="gpt-4o", messages=long, max_tokens=20))


def tools(report, client):
    """A tool's round trip."""
    asked = client.chat.completions.create(model="gpt-4o", messages=QUESTION, tools=TOOLS, tool_choice="required")
    report.meter("tool call", asked.model, of_chat(asked.usage))
    called = asked.choices[0].message.tool_calls[0]
    report.note("tool call", {"name": called.function.name, "arguments": json.loads(called.function.arguments)})
    result = {"role": "tool", "tool_call_id": called.id, "content": "Rain."}
    messages = [*QUESTION, asked.choices[0].message, result]
    note_chat(report, "tool result", client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS))


def responses(report, client):
    first = client.responses.create(model="gpt-5", input="Tell me of rivers.", instructions="Be brief.")
    report.meter("responses", first.model, of_responses(first.usage))
    second = client.responses.create(model="gpt-5", input="And of lakes?", previous_response_id=first.id)
    report.meter("responses continued", second.model, of_responses(second.usage))
    events = list(client.responses.create(model="gpt-4.1", input="Tell me of rivers.", stream=True))
    note_events(report, "responses stream", events)
    again = client.responses.retrieve(first.id)
    items = client.responses.input_items.list(first.id)
    report.note(
        "responses",
        {
            "text": first.output_text,
            "again": again.output_text,
            "asked": items.data[0].content[0].text,
            "grew": second.usage.input_tokens > first.usage.total_tokens,
            "ids": [first.id, events[-1].response.id],
        },
    )
    return first.id


def embeddings(report, client):
    several = client.embeddings.create(model="text-embedding-3-small", input=["one", "two", "three"])
    report.meter("embeddings", several.model, of_embeddings(several.usage))
    single = client.embeddings.create(
        model="text-embedding-3-large", input="one", dimensions=16, encoding_format="float"
    )
    report.meter("embedding", single.model, of_embeddings(single.usage))
    report.note("embeddings", [len(several.data), len(several.data[0].embedding), len(single.data[0].embedding)])


def lists(report, client):
    report.note("models", [model.id for model in client.models.list()])
    report.note("model", client.models.retrieve("gpt-5-mini").id)


async def asynchronous(report, base, key):
    async with AsyncOpenAI(base_url=base, api_key=key) as client:
        note_chat(report, "async chat", await client.chat.completions.create(model="gpt-5-nano", messages=QUESTION))
        stream = await client.chat.completions.create(model="gpt-5-nano", messages=QUESTION, stream=True)
        note_chunks(report, "async chat stream", [chunk async for chunk in stream])
        stream = await client.responses.create(model="gpt-5-mini", input="Tell me of rivers.", stream=True)
        note_events(report, "async responses stream", [event async for event in stream])
        made = await client.embeddings.create(model="text-embedding-3-small", input="one")
        report.meter("async embeddings", made.model, of_embeddings(made.usage))


def refusals(report, base, told):
    poor = OpenAI(base_url=base, api_key=told["poor"])
    ask = {"model": "gpt-5-mini", "messages": QUESTION}
    report.fails("402 chat", lambda: poor.chat.completions.create(**ask))
    report.fails("402 chat stream", lambda: list(poor.chat.completions.create(**ask, stream=True)))
    report.fails("402 responses", lambda: poor.responses.create(model="gpt-5", input="Hello"))
    report.fails("402 embeddings", lambda: poor.embeddings.create(model="text-embedding-3-small", input="one"))
    report.fails("402 async chat", lambda: asyncio.run(refused(base, told["poor"], ask)))
    wrong = OpenAI(base_url=base, api_key="fg-nobody-has-this-key")
    report.fails("401", lambda: wrong.chat.completions.create(**ask))
    right = OpenAI(base_url=base, api_key=told["key"])
    report.fails("404 model", lambda: right.chat.completions.create(model="gpt-none", messages=QUESTION))
    report.fails("404 route", lambda: right.fine_tuning.jobs.list())
    report.fails("400", lambda: right.chat.completions.create(model="gpt-5-mini", messages=QUESTION, stream="yes"))


async def refused(base, key, ask):
    async with AsyncOpenAI(base_url=base, api_key=key) as client:
        await client.chat.completions.create(**ask)


def objects(report, client, stranger, response_id):
    """What one tenant made is not there for another, and is as it was for the one who made it."""
    name, content = "notes.txt", b"Notes of a tenant."
    file = client.files.create(file=(name, content), purpose="user_data")
    report.fails("404 response", lambda: stranger.responses.retrieve(response_id))
    report.fails("404 response items", lambda: stranger.responses.input_items.list(response_id))
    report.fails("404 response delete", lambda: stranger.responses.delete(response_id))
    report.fails(
        "404 previous response",
        lambda: stranger.responses.create(model="gpt-5", input="Go on.", previous_response_id=response_id),
    )
    report.fails("404 file", lambda: stranger.files.retrieve(file.id))
    report.fails("404 file content", lambda: stranger.files.content(file.id))
    report.fails("404 file delete", lambda: stranger.files.delete(file.id))
    part = {"role": "user", "content": [{"type": "input_file", "file_id": file.id}]}
    report.fails("404 file used", lambda: stranger.responses.create(model="gpt-5", input=[part]))
    used = client.responses.create(model="gpt-5", input=[part], max_output_tokens=300)
    report.meter("file used", used.model, of_responses(used.usage))
    report.note(
        "file",
        {
            "name": client.files.retrieve(file.id).filename,
            "content": client.files.content(file.id).read().decode(),
            "deleted": client.files.delete(file.id).deleted,
        },
    )
    report.fails("404 deleted file", lambda: client.files.retrieve(file.id))
    client.responses.delete(response_id)
    report.fails("404 deleted response", lambda: client.responses.retrieve(response_id))


def torn(report, base, told):
    """What the provider does wrong."""

    def client(retries=0, **steering):
        headers = {f"x-sandbox-{name.replace('_', '-')}": str(value) for name, value in steering.items()}
        return OpenAI(base_url=base, api_key=told["torn"], max_retries=retries, default_headers=headers)

    ask = {"model": "gpt-5-mini", "messages": QUESTION}
    report.fails("429", lambda: client(1, status=429, retry_after="0.05").chat.completions.create(**ask))
    report.fails("500", lambda: client(status=500).chat.completions.create(**ask))
    report.fails("503", lambda: client(status=503).responses.create(model="gpt-5", input="Hello"))
    leak = f"Incorrect API key provided: {told['canary']}."
    report.fails("our key refused", lambda: client(2, status=401, message=leak).chat.completions.create(**ask))
    report.fails("our key shown", lambda: client(status=400, message=leak).chat.completions.create(**ask))
    report.fails("cut chat", lambda: list(client(cut_events=3).chat.completions.create(**ask, stream=True)))
    report.fails(
        "reset chat", lambda: list(client(cut_events=3, cut="reset").chat.completions.create(**ask, stream=True))
    )
    report.fails("cut JSON", lambda: client(cut_bytes=40).chat.completions.create(**ask))
    report.fails("failed chat", lambda: list(client(error_events=3).chat.completions.create(**ask, stream=True)))
    say = {"model": "gpt-5", "input": "Hello", "stream": True}
    report.fails("cut responses", lambda: list(client(cut_events=5).responses.create(**say)))
    report.fails("failed responses", lambda: list(client(error_events=5).responses.create(**say)))


def main():
    report = Report()
    told = report.told
    base = f"{told['edge']}/openai/v1"
    with OpenAI(base_url=base, api_key=told["key"]) as client:
        charged(report, client)
        key_everywhere(report, base, told["key"])
        chat(report, client)
        tools(report, client)
        response_id = responses(report, client)
        embeddings(report, client)
        lists(report, client)
        asyncio.run(asynchronous(report, base, told["key"]))
        objects(report, client, OpenAI(base_url=base, api_key=told["other"]), response_id)
    refusals(report, base, told)
    torn(report, base, told)
    report.tell()


if __name__ == "__main__":
    main()
