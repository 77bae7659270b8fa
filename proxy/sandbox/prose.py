"""Words about what was asked: plain sentences around the question's own words, from a seed.

The text says little, as it knows nothing, but it reads like an answer and has an answer's length.
"""

import re

from proxy.sandbox.dice import Dice

BYTES_PER_TOKEN = 4
"""About what English takes in current tokenizers."""

_EMPTY = (
    "about|after|all|also|and|answer|any|are|because|before|briefly|but|can|could|did|does|for|from|get|give|had|has|"
    "have|hello|her|him|his|how|into|its|just|let|like|make|many|may|more|most|much|not|one|only|other|our|out|please|"
    "reply|said|same|say|she|should|some|such|tell|than|that|the|their|them|then|there|these|they|this|those|too|two|"
    "use|very|want|was|were|what|when|where|which|while|who|why|will|with|would|write|you|your"
)
"""Words that say nothing of the subject."""
_EMPTY_WORDS = frozenset(_EMPTY.split("|"))
_WORD = re.compile(r"[^\W\d_][\w'-]{2,}")
_OPENINGS = (
    "The short answer to “{quote}” depends on what you need it for, and {word} is a good place to start.",
    "Taking “{quote}” at face value, the first thing to settle is {word}.",
    "There are two ways to read “{quote}”, and both of them turn on {word}.",
    "Let us look at {word} first, since “{quote}” leaves it open.",
    "A useful answer to “{quote}” begins with {word} and then widens.",
)
_MIDDLES = (
    "In practice {word} matters more than it seems, because {other} follows from it.",
    "Most people meet {word} early, and only later notice how much {other} depends on it.",
    "Start small: take one example of {word}, check it, and compare it with {other}.",
    "The usual mistake is to treat {word} and {other} as the same thing.",
    "Where {word} is well understood, the rest is a matter of patience.",
    "It helps to write down what you already know of {word} before you turn to {other}.",
    "A good test is whether {word} still makes sense when {other} changes.",
    "None of this is difficult, but {word} rewards a second look.",
    "If time is short, leave {other} for later and keep to {word}.",
    "Experience suggests that {word} is best judged by its results.",
    "There is some disagreement about {other}, though little of it touches {word}.",
    "Once {word} is clear, {other} tends to explain itself.",
)
_CLOSINGS = (
    "In short: begin with {word}, and let {other} follow.",
    "That is the outline; ask about {word} and I can go further.",
    "With {word} settled, you have what you need.",
)
_FALLBACK = ("the question", "the context", "the example")
_SUBJECT_MAX = 400
_WORDS_MAX = 12
_QUOTE_MAX = 60
_CLOSING_BYTES = 100
"""With no more than this to go, a sentence that closes is said."""
_PARAGRAPH_SENTENCES = 5
_DRAWS = 1 << 30
"""One draw decides all of a sentence: this is on the path of every load test."""


def tokens_of(text: str) -> int:
    """Return the tokens that a text counts for: a quarter of its UTF-8 bytes, rounded up."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def write(subject: str, tokens: int, dice: Dice) -> str:
    """Return whole sentences about `subject` that count for at least `tokens`, and for little more."""
    words = _words(subject)
    quote = _quote(subject)
    size = tokens * BYTES_PER_TOKEN
    text = dice.pick(_OPENINGS).format(quote=quote, word=dice.pick(words))
    used = len(text.encode())
    sentences, since_break = [text], 1
    while used < size:
        kinds = _CLOSINGS if size - used < _CLOSING_BYTES else _MIDDLES
        draw, kind = divmod(dice.below(_DRAWS), len(kinds))
        step, first = divmod(draw, len(words))
        second = (first + 1 + step % (len(words) - 1)) % len(words)
        sentence = kinds[kind].format(word=words[first], other=words[second])
        gap = "\n\n" if since_break >= _PARAGRAPH_SENTENCES else " "
        since_break = since_break + 1 if gap == " " else 1
        sentence = gap + sentence[0].upper() + sentence[1:]
        sentences.append(sentence)
        used += len(sentence) if sentence.isascii() else len(sentence.encode())
    return "".join(sentences)


def cut(text: str, tokens: int) -> str:
    """Return the longest beginning of a text that counts for at most `tokens`; never half a character."""
    return text.encode()[: tokens * BYTES_PER_TOKEN].decode(errors="ignore")


def pieces(text: str, words: int) -> list[str]:
    """Split a text as a model would stream it: `words` words to a piece, spaces leading."""
    found = re.findall(r"\s*\S+", text)
    joined = ["".join(found[at : at + words]) for at in range(0, len(found), words)]
    rest = text[sum(map(len, found)) :]
    return [*joined[:-1], joined[-1] + rest] if joined else [rest] if rest else []


def slices(text: str, count: int) -> list[str]:
    """Split a text into `count` pieces of nearly equal length; fewer where it has fewer characters."""
    count = min(count, len(text))
    return [text[len(text) * at // count : len(text) * (at + 1) // count] for at in range(count)]


def _words(subject: str) -> tuple[str, ...]:
    found = dict.fromkeys(word for word in _WORD.findall(subject[:_SUBJECT_MAX]) if word.lower() not in _EMPTY_WORDS)
    return (*list(found)[:_WORDS_MAX], *_FALLBACK)


def _quote(subject: str) -> str:
    line = " ".join(subject[:_SUBJECT_MAX].split())
    if len(line) <= _QUOTE_MAX:
        return line or "that"
    return line[:_QUOTE_MAX].rsplit(" ", 1)[0] + "…"
