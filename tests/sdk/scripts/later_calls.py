"""Drives what finishes later through three SDKs: begin, look, results. Prints what each showed."""

import io
import json
import sys

from anthropic import Anthropic
from google import genai
from openai import OpenAI

told = json.loads(sys.stdin.read())
edge, key = told["edge"], told["key"]
openai = OpenAI(base_url=f"{edge}/openai/v1", api_key=key, max_retries=0)
anthropic = Anthropic(base_url=f"{edge}/anthropic", api_key=key, max_retries=0)
gemini = genai.Client(api_key=key, http_options={"base_url": f"{edge}/gemini"})
QUESTION = {"model": "gpt-5-mini", "input": "Why?", "max_output_tokens": 1000}
MESSAGES = [{"role": "user", "content": "Why?"}]


def begin() -> dict[str, str]:
    line = {"custom_id": "0", "method": "POST", "url": "/v1/responses", "body": QUESTION}
    lines = io.BytesIO(b"\n".join([json.dumps(line).encode()] * 2))
    file = openai.files.create(file=("a.jsonl", lines), purpose="batch")
    batch = openai.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    response = openai.responses.create(**QUESTION, background=True)
    params = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": MESSAGES}
    messages = anthropic.messages.batches.create(requests=[{"custom_id": str(n), "params": params} for n in range(2)])
    inline = [{"contents": [{"parts": [{"text": "Why?"}], "role": "user"}]}] * 2
    job = gemini.batches.create(model="gemini-2.5-flash", src=inline)
    return {
        "batch": batch.status or "",
        "response": response.status or "",
        "messages": messages.processing_status,
        "job": str(job.state and job.state.value),
    }


def end() -> dict[str, object]:
    batch = openai.batches.retrieve("batch_1")
    output = openai.files.content(batch.output_file_id or "").text
    response = openai.responses.retrieve("resp_1")
    messages = anthropic.messages.batches.retrieve("msgbatch_1")
    results = [each.result.type for each in anthropic.messages.batches.results("msgbatch_1")]
    job = gemini.batches.get(name="batches/b1")
    return {
        "batch": batch.status,
        "output": len(output.splitlines()),
        "response": response.status,
        "messages": messages.processing_status,
        "results": results,
        "job": str(job.state and job.state.value),
    }


sys.stdout.write(json.dumps(begin() if told["begin"] else end()))
