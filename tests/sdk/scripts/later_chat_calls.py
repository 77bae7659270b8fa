"""Drives batches through Groq's and Mistral's own SDKs. Prints what each showed."""

import json
import sys
from typing import Any

import groq
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

told = json.loads(sys.stdin.read())
edge, key, other, names = told["edge"], told["key"], told["other"], told["names"]
ASK = {"max_tokens": 100, "messages": [{"role": "user", "content": "Why?"}]}
COMPLETIONS = "/v1/chat/completions"


def clients(with_key: str) -> tuple[groq.Groq, Mistral]:
    """Return both clients."""
    return groq.Groq(base_url=f"{edge}/groq", api_key=with_key), Mistral(server_url=f"{edge}/mistral", api_key=with_key)


def begin() -> dict[str, Any]:
    one, two = clients(key)
    line = {"custom_id": "a", "method": "POST", "url": COMPLETIONS, "body": {**ASK, "model": "openai/gpt-oss-20b"}}
    file = one.files.create(file=("a.jsonl", b"\n".join([json.dumps(line).encode()] * 2)), purpose="batch")
    batch = one.batches.create(completion_window="24h", endpoint=COMPLETIONS, input_file_id=str(file.id))
    requests = [{"custom_id": str(number), "body": ASK} for number in range(2)]
    job = two.batch.jobs.create(endpoint=COMPLETIONS, model="mistral-small-latest", requests=requests)
    return {"groq": [batch.id, batch.status], "mistral": [job.id, job.status]}


def end() -> dict[str, Any]:
    one, two = clients(key)
    batch = one.batches.retrieve(names["groq"])
    job = two.batch.jobs.get(job_id=names["mistral"])
    lines = one.files.content(str(batch.output_file_id)).read()
    results = two.files.download(file_id=str(job.output_file)).read()
    shown: dict[str, Any] = {
        "groq": [batch.status, len(lines.splitlines())],
        "mistral": [job.status, len(results.splitlines())],
    }
    one, two = clients(other)
    try:
        one.batches.retrieve(names["groq"])
    except groq.NotFoundError as error:
        shown["strangers groq"] = error.status_code
    try:
        two.batch.jobs.get(job_id=names["mistral"])
    except SDKError as error:
        shown["strangers mistral"] = error.status_code
    return shown


sys.stdout.write(json.dumps(begin() if told["begin"] else end()))
