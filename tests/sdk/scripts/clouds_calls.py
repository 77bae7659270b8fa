"""AWS's and Google's own SDKs, and Anthropic's for both clouds, on another endpoint and a key of Faregate's.

Runs in an SDK's environment. Told on standard input, as JSON: where Faregate is, and keys. Tells, on standard output,
what each call showed, by name.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from google import genai
from google.oauth2.credentials import Credentials

TOLD = json.load(sys.stdin)
MODEL = "us.amazon.nova-micro-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASK: list[Any] = [{"role": "user", "content": [{"text": "Why is the sky blue?"}]}]
ONCE = Config(retries={"max_attempts": 1, "mode": "standard"})
FOUND: dict[str, Any] = {}


def aws(key: str, service: str = "bedrock-runtime", name: str = "bedrock") -> Any:
    """Return a client that signs with a key of Faregate's as its access key."""
    return boto3.client(
        service,
        endpoint_url=f"{TOLD['edge']}/{name}",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="unused",  # nobody checks the signature
        config=ONCE,
    )


def refused(call: Callable[[], Any]) -> dict[str, Any]:
    """Return what an application sees of an error."""
    try:
        call()
    except (ClientError, EventStreamError) as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return {"class": type(error).__name__, "status": status, "error": error.response["Error"]}
    except (genai.errors.APIError, anthropic.APIStatusError) as error:
        status = getattr(error, "status_code", getattr(error, "code", None))
        return {"class": type(error).__name__, "status": status, "error": str(error)}
    return {"class": "", "status": 0, "error": "it did not fail"}


def converse_stream(model: str) -> dict[str, Any]:
    """Return the text and the usage of a stream."""
    text, usage = "", {}
    for event in aws(TOLD["key"]).converse_stream(modelId=model, messages=ASK)["stream"]:
        text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
        usage = event.get("metadata", {}).get("usage", usage)
    return {"text": text, "usage": usage}


def bedrock() -> None:
    """Call Bedrock."""
    client = aws(TOLD["key"])
    answer = client.converse(modelId=MODEL, messages=ASK)
    FOUND["converse"] = {
        "text": answer["output"]["message"]["content"][0]["text"],
        "usage": answer["usage"],
        "charge": answer["ResponseMetadata"]["HTTPHeaders"]["faregate-charge-usd"],
    }
    FOUND["converse_stream"] = converse_stream(MODEL)
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": []})
    made = client.invoke_model(modelId=CLAUDE, body=body)
    FOUND["invoke_model"] = json.loads(made["body"].read())["content"][0]["text"]
    chunks = client.invoke_model_with_response_stream(modelId=CLAUDE, body=body)["body"]
    FOUND["invoke stream"] = [json.loads(chunk["chunk"]["bytes"])["type"] for chunk in chunks]
    FOUND["throttled in a stream"] = refused(lambda: converse_stream("amazon.nova-lite-v1:0"))
    FOUND["cut stream"] = refused(lambda: converse_stream("amazon.nova-pro-v1:0"))
    FOUND["402"] = refused(lambda: aws(TOLD["poor"]).converse(modelId=MODEL, messages=ASK))
    FOUND["402 stream"] = refused(lambda: aws(TOLD["poor"]).converse_stream(modelId=MODEL, messages=ASK))
    FOUND["401"] = refused(lambda: aws("fg_nobody").converse(modelId=MODEL, messages=ASK))
    FOUND["404 model"] = refused(lambda: client.converse(modelId="no.such-model", messages=ASK))
    FOUND["429"] = refused(lambda: aws(TOLD["capped"]).converse(modelId=MODEL, messages=ASK))
    claude = anthropic.AnthropicBedrock(
        aws_access_key=TOLD["key"], aws_secret_key="unused", aws_region="us-east-1", base_url=f"{TOLD['edge']}/bedrock"
    )
    said = claude.messages.create(model=CLAUDE, max_tokens=50, messages=[{"role": "user", "content": "Why?"}])
    FOUND["anthropic bedrock"] = {"text": said.content[0].text, "output": said.usage.output_tokens}
    with claude.messages.stream(model=CLAUDE, max_tokens=50, messages=[{"role": "user", "content": "Why?"}]) as stream:
        FOUND["anthropic bedrock stream"] = stream.get_final_text()


def google(key: str) -> genai.Client:
    """Return a client whose access token is a key of Faregate's."""
    return genai.Client(
        vertexai=True,
        project="acme-project",
        location="us-central1",
        credentials=Credentials(token=key),
        http_options={"base_url": f"{TOLD['edge']}/vertex"},
    )


def vertex() -> None:
    """Call Vertex."""
    client = google(TOLD["key"])
    answer = client.models.generate_content(model="gemini-2.5-flash", contents="Why is the sky blue?")
    FOUND["generate"] = {"text": answer.text, "output": answer.usage_metadata.candidates_token_count}
    chunks = client.models.generate_content_stream(model="gemini-2.5-flash", contents="Why is the sky blue?")
    FOUND["generate stream"] = "".join(chunk.text or "" for chunk in chunks)
    FOUND["embed"] = len(client.models.embed_content(model="text-embedding-005", contents=["a", "b"]).embeddings)
    cache = client.caches.create(model="gemini-2.5-flash", config={"contents": ["a long text"], "ttl": "300s"})
    FOUND["cache"] = cache.name
    FOUND["cache deleted"] = client.caches.delete(name=cache.name) is not None
    poor = google(TOLD["poor"])  # a client that has no name is closed before it is used
    FOUND["vertex 402"] = refused(lambda: poor.models.generate_content(model="gemini-2.5-flash", contents="Why?"))
    other = google(TOLD["key"])
    other._api_client.project = "another-project"  # what a wrong setting would do
    FOUND["another project"] = refused(lambda: other.models.generate_content(model="gemini-2.5-flash", contents="Why?"))
    claude = anthropic.AnthropicVertex(
        region="global", project_id="acme-project", access_token=TOLD["key"], base_url=f"{TOLD['edge']}/vertex/v1"
    )
    said = claude.messages.create(
        model="claude-sonnet-4-5@20250929", max_tokens=50, messages=[{"role": "user", "content": "Why?"}]
    )
    FOUND["anthropic vertex"] = {"text": said.content[0].text, "output": said.usage.output_tokens}


bedrock()
vertex()
json.dump(FOUND, sys.stdout, default=str)
