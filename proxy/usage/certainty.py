"""How sure a quantity is, as part of the value."""

from enum import StrEnum


class Certainty(StrEnum):
    """`exact` was reported; `at_least` was cut short; `estimated` was counted by us; `none` is nothing seen."""

    EXACT = "exact"
    AT_LEAST = "at_least"
    ESTIMATED = "estimated"
    NONE = "none"
