"""Drives Google's SDK: what an application would do, then what goes wrong."""

import asyncio

from google import genai
from google.genai import types
from report import Report

MODEL = "gemini-2.5-flash"
QUESTION = "Why is the sky blue?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)])
FORCED = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY"))
NO_LOOP = types.AutomaticFunctionCallingConfig(disable=True)


def make(base, key, **steering):
    headers = {f"x-sandbox-{name.replace('_', '-')}": str(value) for name, value in steering.items()}
    return genai.Client(api_key=key, http_options={"base_url": base, "headers": headers})


def of_usage(usage):
    """Return the usage with its overlaps: thoughts are outside the candidates here."""
    return {
        "input_tokens": usage.prompt_token_count + (usage.tool_use_prompt_token_count or 0),
        "cache_read_tokens": usage.cached_content_token_count,
        "output_tokens": (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
    }


def note_answer(report, name, answer):
    report.meter(name, answer.model_version, of_usage(answer.usage_metadata))
    report.note(name, {"text": answer.text, "finish": answer.candidates[0].finish_reason.value})


def note_chunks(report, name, chunks):
    last = chunks[-1]
    report.meter(name, last.model_version, of_usage(last.usage_metadata))
    text = "".join(chunk.text or "" for chunk in chunks)
    report.note(name, {"text": text, "finish": last.candidates[0].finish_reason.value, "chunks": len(chunks)})


def generate(report, client):
    answer = client.models.generate_content(model=MODEL, contents=QUESTION)
    note_answer(report, "generate", answer)
    report.note("head", dict(answer.sdk_http_response.headers))
    note_chunks(report, "stream", list(client.models.generate_content_stream(model=MODEL, contents=QUESTION)))
    long = ["The rules of the house. " * 500, QUESTION]
    for name in ("first", "cached"):
        note_answer(report, name, client.models.generate_content(model="gemini-2.5-pro", contents=long))


def beta(report, base, key):
    """The older version of the API, which earlier majors of the SDK call."""
    options = {"base_url": base, "api_version": "v1beta"}
    with genai.Client(api_key=key, http_options=options) as client:
        note_answer(report, "v1beta", client.models.generate_content(model=MODEL, contents=QUESTION))
        chunks = client.models.generate_content_stream(model="gemini-2.5-flash-lite", contents=QUESTION)
        note_chunks(report, "v1beta stream", list(chunks))


def tools(report, client):
    """A tool's round trip."""
    config = types.GenerateContentConfig(tools=[TOOL], tool_config=FORCED, automatic_function_calling=NO_LOOP)
    asked = client.models.generate_content(model=MODEL, contents=QUESTION, config=config)
    report.meter("tool call", asked.model_version, of_usage(asked.usage_metadata))
    called = asked.function_calls[0]
    report.note("tool call", {"name": called.name, "arguments": called.args})
    result = types.Part.from_function_response(name=called.name, response={"result": "Rain."})
    conversation = [
        types.Content(role="user", parts=[types.Part(text=QUESTION)]),
        asked.candidates[0].content,
        types.Content(role="user", parts=[result]),
    ]
    free = types.GenerateContentConfig(tools=[TOOL], automatic_function_calling=NO_LOOP)
    note_answer(report, "tool result", client.models.generate_content(model=MODEL, contents=conversation, config=free))


def embed(report, client):
    """The SDK shows no usage of embeddings."""
    one = client.models.embed_content(model="gemini-embedding-2", contents="one", config={"output_dimensionality": 16})
    report.meter("embedding", "gemini-embedding-2", None)
    several = client.models.embed_content(model="gemini-embedding-001", contents=["one", "two"])
    report.meter("embeddings", "gemini-embedding-001", None)
    report.note("embeddings", [len(one.embeddings[0].values), len(several.embeddings)])


def free(report, client):
    """Routes that cost nothing."""
    report.note("count", client.models.count_tokens(model=MODEL, contents=QUESTION).total_tokens)
    report.note("models", [model.name for model in client.models.list()])
    report.note("model", client.models.get(model=MODEL).name)


async def asynchronous(report, client):
    models = client.aio.models
    note_answer(report, "async generate", await models.generate_content(model=MODEL, contents=QUESTION))
    stream = await models.generate_content_stream(model=MODEL, contents=QUESTION)
    note_chunks(report, "async stream", [chunk async for chunk in stream])
    await models.embed_content(model="gemini-embedding-2", contents="one")
    report.meter("async embedding", "gemini-embedding-2", None)
    await client.aio.aclose()


async def refused(base, key):
    client = make(base, key)
    try:
        await client.aio.models.generate_content(model=MODEL, contents=QUESTION)
    finally:
        await client.aio.aclose()


def refusals(report, base, told):
    def ask(key, model=MODEL):
        with make(base, key) as client:
            return client.models.generate_content(model=model, contents=QUESTION)

    def stream(key):
        with make(base, key) as client:
            return list(client.models.generate_content_stream(model=MODEL, contents=QUESTION))

    def embedding(key):
        with make(base, key) as client:
            return client.models.embed_content(model="gemini-embedding-2", contents="one")

    report.fails("402 generate", lambda: ask(told["poor"]))
    report.fails("402 stream", lambda: stream(told["poor"]))
    report.fails("402 embedding", lambda: embedding(told["poor"]))
    report.fails("402 async generate", lambda: asyncio.run(refused(base, told["poor"])))
    report.fails("401", lambda: ask("fg-nobody-has-this-key"))
    report.fails("404 model", lambda: ask(told["key"], "gemini-none"))
    foreign = {"cached_content": "cachedContents/of-somebody-else"}
    with make(base, told["key"]) as client:
        report.fails("404 route", lambda: client.files.list())
        ask_with = client.models.generate_content
        report.fails("404 cache used", lambda: ask_with(model=MODEL, contents=QUESTION, config=foreign))


def torn(report, base, told):
    """What the provider does wrong."""

    def ask(**steering):
        with make(base, told["torn"], **steering) as client:
            return client.models.generate_content(model=MODEL, contents=QUESTION)

    def stream(**steering):
        with make(base, told["torn"], **steering) as client:
            return list(client.models.generate_content_stream(model=MODEL, contents=QUESTION))

    report.fails("429", lambda: ask(status=429))
    report.fails("500", lambda: ask(status=500))
    report.fails("503", lambda: stream(status=503))
    leak = f"API key not valid: {told['canary']}"
    report.fails("our key refused", lambda: ask(status=403, message=leak))
    report.fails("our key shown", lambda: ask(status=400, message=leak))
    report.fails("cut stream", lambda: stream(cut_events=2))
    report.fails("reset stream", lambda: stream(cut_events=2, cut="reset"))
    report.fails("cut JSON", lambda: ask(cut_bytes=40))
    report.fails("failed stream", lambda: stream(error_events=2))


def main():
    report = Report()
    told = report.told
    base = f"{told['edge']}/gemini"
    with make(base, told["key"]) as client:
        generate(report, client)
        beta(report, base, told["key"])
        tools(report, client)
        embed(report, client)
        free(report, client)
        asyncio.run(asynchronous(report, client))
    refusals(report, base, told)
    torn(report, base, told)
    report.tell()


if __name__ == "__main__":
    main()
