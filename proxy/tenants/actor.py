"""Who does an operator's deed, as far as it can be known: there is one admin token, and names are only declared."""

from msgspec import Struct


class Actor(Struct, frozen=True):
    """A declared name (or `admin`), the way it came (`cli`, `api`, `house`), and the address it came from."""

    who: str
    via: str
    address: str = ""


HOUSE = Actor("faregate", "house")
"""What nobody asked for by name: the demo's tenant and key, for instance."""
