from proxy.sandbox.cache import BLOCK_TOKENS, PrefixCache

BLOCK = BLOCK_TOKENS * 4


def test_a_prompt_is_cached_the_second_time() -> None:
    cache = PrefixCache()
    text = b"a" * (BLOCK * 3 + 10)
    assert cache.see("m", text) == (0, 3 * BLOCK_TOKENS)
    assert cache.see("m", text) == (3 * BLOCK_TOKENS, 3 * BLOCK_TOKENS)
    assert cache.see("other", text)[0] == 0


def test_only_what_begins_alike_is_cached() -> None:
    cache = PrefixCache()
    cache.see("m", b"a" * BLOCK * 3)
    assert cache.see("m", b"a" * BLOCK * 2 + b"b" * BLOCK * 2)[0] == 2 * BLOCK_TOKENS
    assert cache.see("m", b"b" + b"a" * BLOCK * 3)[0] == 0
    assert cache.see("m", b"a" * (BLOCK - 1)) == (0, 0)


def test_the_oldest_are_forgotten() -> None:
    cache = PrefixCache(entries_max=2)
    cache.see("m", b"a" * BLOCK)
    cache.see("m", b"b" * BLOCK)
    cache.see("m", b"a" * BLOCK)
    cache.see("m", b"c" * BLOCK)
    assert cache.see("m", b"a" * BLOCK)[0] == BLOCK_TOKENS
    assert cache.see("m", b"b" * BLOCK)[0] == 0
