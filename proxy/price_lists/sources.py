"""Opens the price lists that rates are held against: which there are, and where each is read from."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from msgspec import Struct

from proxy.errors import BadConfig
from proxy.loading.shipped import shipped
from proxy.price_lists.genai_prices import load_genai_prices
from proxy.price_lists.listing import PriceList
from proxy.price_lists.litellm import load_litellm
from proxy.price_lists.mapping import ContextLexicon, SuffixLexicon, load_lexicon

FOLDER = "price_lists"


class Sources(Struct, frozen=True):
    """Where lists are: `litellm` is a wheel, a folder of wheels or the JSON file; None is the installed package."""

    litellm: Path | None = None

    def both(self, day: date) -> list[PriceList]:
        """Return both lists as they stand on a UTC day. Raises BadConfig with all that is missing."""
        found, problems = self.any(day)
        if problems:
            raise BadConfig(*problems)
        return found

    def any(self, day: date) -> tuple[list[PriceList], list[str]]:
        """Return the lists that can be read, and why the others cannot."""
        folder = shipped("config") / FOLDER
        opened: list[Callable[[], PriceList]] = [
            lambda: load_genai_prices(load_lexicon(folder / "genai-prices.yaml", ContextLexicon), day),
            lambda: load_litellm(load_lexicon(folder / "litellm.yaml", SuffixLexicon), self.litellm),
        ]
        found: list[PriceList] = []
        problems: list[str] = []
        for each in opened:
            try:
                found.append(each())
            except BadConfig as error:
                problems.extend(error.problems)
        return found, problems
