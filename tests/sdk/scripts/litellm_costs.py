"""Asks LiteLLM's calculator what calls cost: a JSON list of questions in, a list of USD (or of what it says) out.

Runs in an environment of its own. A question's `used` are disjoint units; theirs are totals that contain their parts.
"""

import json
import sys
from typing import Any

import litellm
from litellm import cost_per_token
from litellm.types.utils import (
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)


def usage_of(used: dict[str, int]) -> Usage:
    """Return tokens as LiteLLM counts them."""

    def total(*units: str) -> int:
        return sum(used.get(unit, 0) for unit in units)

    written = ("cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    inputs = ("input_tokens", "input_audio_tokens", "input_image_tokens", "cache_read_tokens", *written)
    outputs = ("output_tokens", "output_audio_tokens", "output_image_tokens", "reasoning_tokens")
    prompt = PromptTokensDetailsWrapper(
        cached_tokens=total("cache_read_tokens"),
        cache_creation_tokens=total(*written),
        audio_tokens=total("input_audio_tokens"),
        image_tokens=total("input_image_tokens"),
        text_tokens=total("input_tokens"),
    )
    if "cache_write_1h_tokens" in used:
        prompt.cache_creation_token_details = CacheCreationTokenDetails(
            ephemeral_5m_input_tokens=total("cache_write_tokens", "cache_write_5m_tokens"),
            ephemeral_1h_input_tokens=total("cache_write_1h_tokens"),
        )
    completion = CompletionTokensDetailsWrapper(
        audio_tokens=total("output_audio_tokens"),
        image_tokens=total("output_image_tokens"),
        reasoning_tokens=total("reasoning_tokens"),
        text_tokens=total("output_tokens"),
    )
    return Usage(
        prompt_tokens=total(*inputs),
        completion_tokens=total(*outputs),
        total_tokens=total(*inputs, *outputs),
        prompt_tokens_details=prompt,
        completion_tokens_details=completion,
    )


def cost(model: str, tier: str, used: dict[str, int]) -> float:
    """Return what one call costs."""
    provider = litellm.model_cost[model]["litellm_provider"]
    family = provider if provider in litellm.provider_list else provider.split("-")[0]  # vertex_ai-embedding-models
    told: dict[str, Any] = {"model": model, "custom_llm_provider": family}
    if "audio_seconds" in used:
        told |= {"call_type": "transcription", "audio_transcription_file_duration": used["audio_seconds"]}
    elif "characters" in used:
        told |= {"call_type": "speech", "prompt_characters": used["characters"]}
    else:
        told |= {"usage_object": usage_of(used), "service_tier": tier or None}
    return sum(cost_per_token(**told))


def main() -> None:
    """Answer all questions on one line."""
    answers: list[float | str] = []
    for question in json.load(sys.stdin):
        try:
            answers.append(cost(**question))
        except Exception as error:  # noqa: BLE001  # whatever it cannot do is an answer, which the test judges
            answers.append(f"{type(error).__name__}: {error}")
    sys.stdout.write("\n" + json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
