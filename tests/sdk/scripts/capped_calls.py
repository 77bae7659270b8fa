"""Drives one SDK, with its own retries, against a key whose spending is capped; tells what the application sees.

Told on standard input, as JSON: the SDK, where Faregate is, and a key. Told on standard output: how it ended, as
`report.described` shows errors, or the text of the answer.
"""

import json
import sys

from report import described

QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]


def with_openai(edge: str, key: str) -> str | None:
    """Ask for a chat completion."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{edge}/openai/v1", api_key=key)
    answer = client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, max_completion_tokens=1000)
    return answer.choices[0].message.content


def with_anthropic(edge: str, key: str) -> str:
    """Ask for a message."""
    from anthropic import Anthropic

    client = Anthropic(base_url=f"{edge}/anthropic", api_key=key)
    return client.messages.create(model="claude-haiku-4-5", messages=QUESTION, max_tokens=1000).content[0].text


def with_gemini(edge: str, key: str) -> str | None:
    """Ask for content."""
    from google import genai

    client = genai.Client(api_key=key, http_options={"base_url": f"{edge}/gemini"})
    return client.models.generate_content(model="gemini-2.5-flash", contents="Why is the sky blue?").text


def main() -> None:
    """Make one call."""
    told = json.load(sys.stdin)
    call = {"openai": with_openai, "anthropic": with_anthropic, "gemini": with_gemini}[told["sdk"]]
    try:
        found = {"class": "", "text": call(told["edge"], told["key"])}
    except Exception as error:  # noqa: BLE001  # which error it is, is the finding
        found = described(error)
    json.dump(found, sys.stdout, default=str)


if __name__ == "__main__":
    main()
