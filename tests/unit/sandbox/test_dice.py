from collections import Counter

from proxy.sandbox.dice import Dice


def test_the_same_seed_chooses_the_same() -> None:
    assert [Dice(7).below(1000)] * 3 == [Dice(7).below(1000) for _ in range(3)]
    assert [Dice(1).below(10**6)] != [Dice(2).below(10**6)]


def test_every_choice_comes_up_about_as_often() -> None:
    dice = Dice(2**70 + 5)
    counts = Counter(dice.below(10) for _ in range(10_000))
    assert sorted(counts) == list(range(10))
    assert min(counts.values()) > 800


def test_both_ends_are_included() -> None:
    dice = Dice(3)
    assert {dice.between(4, 6) for _ in range(100)} == {4, 5, 6}
    assert {dice.pick("ab") for _ in range(50)} == {"a", "b"}
