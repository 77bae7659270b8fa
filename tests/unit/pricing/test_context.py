from decimal import Decimal

from proxy.money import Quantity
from proxy.pricing.context import context_of


def test_the_context_is_every_kind_of_prompt_token() -> None:
    usage: dict[str, Quantity] = {
        "input_tokens": 1,
        "input_audio_tokens": 2,
        "cache_read_tokens": 4,
        "cache_write_1h_tokens": 8,
        "output_tokens": 1_000,
        "web_searches": 1_000,
        "audio_seconds": Decimal("1000.5"),
    }
    assert context_of(usage) == 15
