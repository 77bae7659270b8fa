from hypothesis import given
from hypothesis import strategies as st

from proxy.sandbox import prose
from proxy.sandbox.dice import Dice

QUESTION = "Why do volcanoes erupt near the coast of Iceland?"


def test_it_is_about_what_was_asked() -> None:
    text = prose.write(QUESTION, 150, Dice(1))
    assert "volcanoes" in text.lower()
    assert "erupt" in text.lower()
    assert "\n\n" in text
    assert text.endswith(".")


@given(st.text(max_size=600), st.integers(0, 2000), st.integers(0, 2**64))
def test_it_is_long_enough_and_little_longer(subject: str, tokens: int, seed: int) -> None:
    text = prose.write(subject, tokens, Dice(seed))
    assert tokens <= prose.tokens_of(text) <= tokens + 180
    assert text == prose.write(subject, tokens, Dice(seed))


@given(st.text(), st.integers(0, 50))
def test_a_cut_is_a_beginning_that_fits(text: str, tokens: int) -> None:
    short = prose.cut(text, tokens)
    assert text.startswith(short)
    assert prose.tokens_of(short) <= tokens
    assert short == text or prose.tokens_of(text[: len(short) + 1]) > tokens


@given(st.text(), st.integers(1, 20))
def test_pieces_make_the_text(text: str, count: int) -> None:
    assert "".join(prose.pieces(text, count)) == text
    cut = prose.slices(text, count)
    assert "".join(cut) == text
    assert len(cut) == min(count, len(text))
    assert all(cut)


def test_pieces_are_words_with_their_spaces() -> None:
    assert prose.pieces("One two\n\nthree four five ", 2) == ["One two", "\n\nthree four", " five "]


def test_tokens_are_a_quarter_of_the_bytes() -> None:
    assert [prose.tokens_of(text) for text in ("", "a", "abcd", "abcde", "ééé")] == [0, 1, 1, 2, 2]
