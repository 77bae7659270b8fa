"""The rate card as it is read: what the files mean, what is refused and how, and what the built-in ones promise."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.loading.rates import load_rates, load_units, read_rates
from proxy.pricing.card import Conditions, ModelRates, Rate, RateCard

UNITS = """
units:
  input_tokens: {family: tokens, meaning: in}
  output_tokens: {family: tokens, meaning: out}
  cache_read_tokens: {family: tokens, meaning: cached, fallback: input_tokens}
  web_searches: {family: fees, meaning: searches}
"""
HEAD = "integration: p\nsource: somewhere\nchecked: 2026-11-21\n"
ONE = HEAD + 'models: [{match: [m], rates: [{unit: input_tokens, usd: "1"}]}]\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a rates folder: `write(p=TEXT)` makes `p.yaml`, beside a registry of four units."""

    def make(folder: str = "rates", units: str | None = UNITS, **files: str) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, text in ({"units": units} if units else {}).items() | files.items():
            (tmp_path / folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path / folder

    return make


def found(card: RateCard, name: str, integration: str = "p") -> ModelRates:
    model = card.find(integration, name)
    assert model is not None
    return model


class TestMeaning:
    def test_both_forms_of_a_row(self, write: Callable[..., Path]) -> None:
        rows = """
models:
  - match: [m, "m-20??"]
    window: 100
    output_max: 10
    rates:
      - {unit: input_tokens, usd: "1.50", per: 1000}
      - {usd: {output_tokens: "3", cache_read_tokens: "0"}, since: 2026-01-01, source: elsewhere}
"""
        assert load_rates(write(p=HEAD + rows)).integrations["p"] == (
            ModelRates(
                ("m", "m-20??"),
                (
                    Rate("input_tokens", "1.5", 1000),
                    Rate("output_tokens", "3", 1, "2026-01-01", source="elsewhere"),
                    Rate("cache_read_tokens", "0", 1, "2026-01-01", source="elsewhere"),
                ),
                100,
                10,
            ),
        )

    def test_a_row_may_hold_for_several_tiers(self, write: Callable[..., Path]) -> None:
        rows = 'models: [{match: [m], rates: [{tier: [a, b], context_above: 9, unit: input_tokens, usd: "1"}]}]\n'
        (model,) = load_rates(write(p=HEAD + rows)).integrations["p"]
        assert model.rates == tuple(Rate("input_tokens", "1", tier=tier, context_above=9) for tier in ("a", "b"))

    def test_a_row_may_hold_at_some_hours(self, write: Callable[..., Path]) -> None:
        rows = """models:
  - match: [m]
    rates:
      - {usd: {input_tokens: "1"}}
      - {hours: [mon-fri 01:00-04:00], usd: {input_tokens: "2"}}
      - {hours: [sat 01:00-04:00], usd: {input_tokens: "3"}}
"""
        card = load_rates(write(p=HEAD + rows))
        assert [rate.hours for rate in found(card, "m").rates] == [(), ("mon-fri 01:00-04:00",), ("sat 01:00-04:00",)]

    def test_a_file_may_hold_what_it_does_not_list_at_the_dearest(self, write: Callable[..., Path]) -> None:
        card = load_rates(write(p=HEAD + "otherwise: dearest\n" + ONE.removeprefix(HEAD)))
        stand_in = found(card, "unheard of")
        assert (stand_in.match, stand_in.stand_in) == (("*",), True)
        assert {rate.unit for rate in stand_in.rates} == found(card, "m").units
        assert card.source_of("p", stand_in) is not None
        assert not found(card, "m").stand_in
        assert load_rates(write(p=ONE)).find("p", "unheard of") is None

    def test_the_file_says_what_prices_are_for(self, write: Callable[..., Path]) -> None:
        rows = 'rates: [{usd: {input_tokens: "1"}}, {per: 1, usd: {web_searches: "2"}}]'
        (model,) = load_rates(write(p=f"{HEAD}per: 1000\nmodels: [{{match: [m], {rows}}}]\n")).integrations["p"]
        assert model.rates == (Rate("input_tokens", "1", 1000), Rate("web_searches", "2", 1))

    def test_prefixes_may_precede_any_name(self, write: Callable[..., Path]) -> None:
        card = load_rates(write(p=HEAD + "prefixes: [models/]\n" + ONE.removeprefix(HEAD).replace("[m]", '[m, "n*"]')))
        assert found(card, "m") == found(card, "models/m") == found(card, "nn") == found(card, "models/nn")

    def test_fees_fill_in_what_a_model_has_no_rate_for(self, write: Callable[..., Path]) -> None:
        rows = """
fees:
  - {match: ["m*"], rates: [{usd: {web_searches: "5"}}, {since: 2027-01-01, usd: {web_searches: "6"}}]}
  - {match: ["*"], rates: [{usd: {web_searches: "7", output_tokens: "8"}}]}
models:
  - {match: [m1], rates: [{usd: {input_tokens: "1"}}]}
  - {match: [m2], rates: [{usd: {web_searches: "2"}}]}
  - {match: [other, m3], rates: [{usd: {input_tokens: "1"}}]}
"""
        card = load_rates(write(p=HEAD + rows))

        def fee(name: str) -> list[tuple[str, str]]:
            return [(rate.usd, rate.since) for rate in found(card, name).rates if rate.unit == "web_searches"]

        assert fee("m1") == [("5", ""), ("6", "2027-01-01")]
        assert fee("m2") == [("2", "")]
        assert fee("m3") == fee("other") == [("7", "")]
        assert all("output_tokens" in found(card, name).units for name in ("m1", "m2", "other"))

    def test_a_row_may_hold_for_several_regions(self, write: Callable[..., Path]) -> None:
        rows = 'rates: [{region: [a, b], unit: input_tokens, usd: "1"}, {usd: {input_tokens: "2"}}]'
        (model,) = load_rates(write(p=f"{HEAD}models: [{{match: [m], {rows}}}]\n")).integrations["p"]
        assert model.rates == (
            *(Rate("input_tokens", "1", region=region) for region in ("a", "b")),
            Rate("input_tokens", "2"),
        )

    def test_a_region_costs_its_percentage_more_in_every_tier(self, write: Callable[..., Path]) -> None:
        rows = """
regions: [{region: us, percent: "12.5", family: tokens, match: ["m*"]}]
models:
  - {match: [m], rates: [{usd: {input_tokens: "0.1", web_searches: "5"}}, {tier: fast, usd: {input_tokens: "3"}}]}
  - {match: [n], rates: [{usd: {input_tokens: "1"}}]}
"""
        card = load_rates(write(p=HEAD + rows))

        def usd(name: str, unit: str, **conditions: str) -> str:
            told = Conditions(tier=conditions.get("tier"), region=conditions.get("region"))
            rate = card.rate(found(card, name), unit, told)
            assert rate is not None
            return rate.usd

        assert usd("m", "input_tokens") == "0.1"
        assert usd("m", "input_tokens", region="us") == "0.1125"
        assert usd("m", "input_tokens", region="us", tier="fast") == "3.375"
        assert usd("m", "input_tokens", region="eu", tier="fast") == "3"
        assert usd("m", "web_searches", region="us") == "5"
        assert usd("n", "input_tokens", region="us") == "1"

    def test_units_bring_their_fallbacks(self, write: Callable[..., Path]) -> None:
        assert load_rates(write(p=ONE)).fallbacks == {"cache_read_tokens": "input_tokens"}


class TestOverlay:
    OWN = HEAD + 'models: [{match: [m, new], rates: [{unit: input_tokens, usd: "9"}]}]\n'
    BUILT_IN = (
        HEAD
        + 'fees: [{match: ["*"], rates: [{unit: web_searches, usd: "3"}]}]\n'
        + 'models: [{match: [m, "m-*", k], window: 5, rates: [{unit: input_tokens, usd: "1"}]}]\n'
    )

    def test_an_operators_entry_replaces_the_built_in_one(self, write: Callable[..., Path]) -> None:
        card = load_rates(write(p=self.BUILT_IN), write("own", units=None, mine=self.OWN))
        fee = Rate("web_searches", "3")
        assert card.integrations["p"] == (
            ModelRates(("m", "new"), (Rate("input_tokens", "9"), fee)),
            ModelRates(("m-*", "k"), (Rate("input_tokens", "1"), fee), 5),
        )

    def test_a_built_in_name_beats_an_operators_glob(self, write: Callable[..., Path]) -> None:
        own = self.OWN.replace("[m, new]", '["*"]')
        card = load_rates(write(p=self.BUILT_IN), write("own", units=None, mine=own))
        assert [found(card, name).rates[0].usd for name in ("m", "m-1", "z")] == ["1", "1", "9"]

    def test_an_operator_may_add_integrations_and_units(self, write: Callable[..., Path]) -> None:
        units = "units: {pages: {family: pages, meaning: pages, fallback: input_tokens}}\n"
        own = self.OWN.replace("integration: p", "integration: q").replace("input_tokens", "pages")
        card = load_rates(write(p=self.BUILT_IN), write("own", units=units, mine=own))
        assert found(card, "m", "q").rates == (Rate("pages", "9"),)
        assert card.fallbacks["pages"] == "input_tokens"

    def test_a_fully_replaced_entry_is_gone(self, write: Callable[..., Path]) -> None:
        own = self.OWN.replace("[m, new]", '[m, k, "m-*"]')
        card = load_rates(write(p=self.BUILT_IN), write("own", units=None, mine=own))
        assert len(card.integrations["p"]) == 1

    def test_an_operators_fee_comes_first(self, write: Callable[..., Path]) -> None:
        own = HEAD + 'fees: [{match: ["*"], rates: [{unit: web_searches, usd: "0"}]}]\n'
        card = load_rates(write(p=self.BUILT_IN), write("own", units=None, mine=own))
        assert Rate("web_searches", "0") in found(card, "m").rates


class TestVersion:
    TWO = ONE.replace("[m]", "[n]").removeprefix(HEAD).removeprefix("models: [").removesuffix("]\n")

    def test_names_the_content_not_its_form(self, write: Callable[..., Path]) -> None:
        both = ONE.removesuffix("]\n") + ", " + self.TWO + "]\n"
        version = load_rates(write(p=both)).version
        assert len(version) == 16
        swapped = HEAD + "models: [" + self.TWO + ", " + ONE.removeprefix(HEAD + "models: [")
        spelled = "# a comment\n" + both.replace('"1"', '"+1.00"').replace("somewhere", "elsewhere")
        for text in (swapped, spelled):
            assert load_rates(write(p=text)).version == version
        split = write("split", a=HEAD + f"models: [{self.TWO}]\n", b=ONE)
        assert load_rates(split).version == version

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"1"', '"2"'),
            ("[m]", "[n]"),
            ('usd: "1"', 'per: 2, usd: "1"'),
            ("match", "window: 1, match"),
            ("integration: p", "integration: q"),
            ('usd: "1"', 'tier: t, usd: "1"'),
        ],
    )
    def test_changes_with_the_content(self, write: Callable[..., Path], old: str, new: str) -> None:
        version = load_rates(write(p=ONE)).version
        assert load_rates(write(p=ONE.replace(old, new))).version != version

    def test_changes_with_the_fallbacks(self, write: Callable[..., Path]) -> None:
        version = load_rates(write(p=ONE)).version
        changed = UNITS.replace("fallback: input_tokens", "fallback: output_tokens")
        assert load_rates(write(p=ONE, units=changed)).version != version


def row(text: str, top: str = "") -> str:
    return f"{HEAD}{top}models: [{{match: [m], rates: [{{{text}}}]}}]\n"


QUOTED = 'write a plain decimal such as "1.25"'
ROW = "at models[0].rates[0]"
BAD_FILES = {
    "unquoted": (
        row("unit: input_tokens, usd: 1.25"),
        f'{ROW}.usd: 1.25 is not quoted, so it would be rounded; write "1.25"',
    ),
    "unquoted whole": (row("usd: {input_tokens: 2}"), f'{ROW}.usd: 2 is not quoted, so it would be rounded; write "2"'),
    "unquoted nan": (
        row("unit: input_tokens, usd: .nan"),
        f'{ROW}.usd: nan is not quoted, so it would be rounded; write "nan"',
    ),
    "nan": (row('unit: input_tokens, usd: "nan"'), f"{ROW}.usd: 'nan' is not a decimal number; {QUOTED}"),
    "infinite": (
        row('unit: input_tokens, usd: "Infinity"'),
        f"{ROW}.usd: 'Infinity' is not a decimal number; {QUOTED}",
    ),
    "exponent": (row('unit: input_tokens, usd: "1e-6"'), f"{ROW}.usd: '1e-6' is not a decimal number; {QUOTED}"),
    "empty": (row('unit: input_tokens, usd: ""'), f"{ROW}.usd: '' is not a decimal number; {QUOTED}"),
    "negative": (row('unit: input_tokens, usd: "-1"'), f"{ROW}.usd: '-1' is negative; a price is at least \"0\""),
    "minus zero": (row('unit: input_tokens, usd: "-0"'), f"{ROW}.usd: '-0' is negative; a price is at least \"0\""),
    "absurd": (
        row('unit: input_tokens, usd: "100000.01"'),
        f"{ROW}.usd: '100000.01' is more than 100000 USD a unit; correct usd or per: 1",
    ),
    "absurd per": (
        row('unit: input_tokens, per: 10, usd: "1000001"'),
        f"{ROW}.usd: '1000001' is more than 100000 USD a unit; correct usd or per: 10",
    ),
    "bool": (
        row("unit: input_tokens, usd: yes"),
        "at models[0].rates[0].usd: True cannot be used; write text in quotes or a ",
    ),
    "unknown unit": (
        row('unit: input_token, usd: "1"'),
        f"{ROW}: 'input_token' is no unit; did you mean input_tokens? (or add it to units.yaml)",
    ),
    "unknown key": (
        row('unit: input_tokens, usd: "1", from: 2026-01-01'),
        f"{ROW}.from: there is no such key; known here: context_above, hours, per",
    ),
    "unknown top key": (ONE + "currency: EUR\n", "at currency: there is no such key; known here: added, checked, fees"),
    "per": (row('unit: input_tokens, usd: "1", per: 0'), f"{ROW}.per: 0 is too small; write a whole number from 1 up"),
    "per of the file": (row('unit: input_tokens, usd: "1"', "per: 0\n"), "at per: 0 is too small; write a whole"),
    "per fraction": (
        row('unit: input_tokens, usd: "1", per: 1.5'),
        f"{ROW}.per: 1.5 cannot be used; write a whole number",
    ),
    "context": (row('unit: input_tokens, usd: "1", context_above: 0'), f"{ROW}.context_above: 0 is too small; write"),
    "window": (ONE.replace("match", "window: 0, match"), "at models[0].window: 0 is too small; write a whole number"),
    "output": (ONE.replace("match", "output_max: -1, match"), "at models[0].output_max: -1 is too small; write"),
    "no such date": (
        row('unit: input_tokens, usd: "1", since: 2026-02-30'),
        "line 4, column 69: 2026-02-30 is not what it looks like (day is out of range for month); correct it, or",
    ),
    "no date": (
        row('unit: input_tokens, usd: "1", since: soon'),
        f"{ROW}.since: 'soon' cannot be used; write a date such as 2026-11-21",
    ),
    "checked": (
        ONE.replace("2026-11-21", "lately"),
        "at checked: 'lately' cannot be used; write a date such as 2026-11-21",
    ),
    "no checked": (
        ONE.replace("checked: 2026-11-21\n", ""),
        "at checked: it is missing; add checked: a date such as 2026-11-21",
    ),
    "no source": (ONE.replace("somewhere", '""'), "at source: '' cannot be used; say where the prices come from"),
    "integration": (
        ONE.replace("p\n", "Open_AI\n", 1),
        "at integration: 'Open_AI' cannot be used; use lower-case letters",
    ),
    "no rates": (
        HEAD + "models: [{match: [m], rates: []}]\n",
        'at models[0].rates: [] cannot be used; give at least one rate; an explicit "0" is a price',
    ),
    "no match": (ONE.replace("[m]", "[]"), "at models[0].match: [] cannot be used; name at least one model"),
    "empty match": (ONE.replace("[m]", '[""]'), "at models[0].match: [''] cannot be used; name at least one model"),
    "same name": (ONE.replace("[m]", "[m, m]"), "at models[0].match: 'm' is also in p.yaml; keep it in one entry"),
    "same rate": (
        HEAD + 'models: [{match: [m], rates: [{unit: input_tokens, usd: "1"}, {usd: {input_tokens: "2"}}]}]\n',
        "at models[0].rates[1]: 'input_tokens' is given twice; tell the two apart by tier, region, context_above,",
    ),
    "same tier": (
        row('unit: input_tokens, usd: "1", tier: [a, a]'),
        f"{ROW}: 'input_tokens' is given twice; tell the two apart",
    ),
    "neither form": (row('usd: "1"'), f"{ROW}.usd: '1' is not for one unit; write unit: NAME and usd:"),
    "both forms": (
        row('unit: input_tokens, usd: {input_tokens: "1"}'),
        f"{ROW}.usd: {{'input_tokens': '1'}} is not a price alone; write",
    ),
    "fee": (
        ONE + 'fees: [{match: ["*"], rates: [{unit: web_search, usd: "1"}]}]\n',
        "at fees[0].rates[0]: 'web_search' is no unit; did you mean web_searches?",
    ),
    "an addition without a day": (
        ONE + 'added: [{match: [m], rates: [{unit: input_tokens, usd: "1"}]}]\n',
        "at added[0].rates[0]: '1' has no date; add since: and its first UTC date",
    ),
    "an addition to nothing": (
        ONE + 'added: [{match: [], rates: [{since: 2026-12-01, unit: input_tokens, usd: "1"}]}]\n',
        "at added[0].match: [] cannot be used; name at least one model",
    ),
    "percent": (
        ONE + 'regions: [{region: us, percent: "-5", family: tokens, match: ["*"]}]\n',
        "at regions[0].percent: '-5' is out of range; write 0 to 1000",
    ),
    "unquoted percent": (
        ONE + 'regions: [{region: us, percent: 10, family: tokens, match: ["*"]}]\n',
        'at regions[0].percent: 10 is not quoted, so it would be rounded; write "10"',
    ),
    "not a mapping": ("- 1\n", "[1] cannot be used; write a mapping"),
    "not YAML": ("a: [\n", "line 2, column 1: did not find expected node content"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_refuses_a_bad_file(write: Callable[..., Path], name: str) -> None:
    text, message = BAD_FILES[name]
    folder = write(p=text)
    with pytest.raises(BadConfig) as refused:
        load_rates(folder)
    assert str(refused.value).startswith(f"{folder / 'p.yaml'}: {message}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ("units: {a: {family: f, meaning: m, fallback: b}}", "at units.a.fallback: 'b' is no unit; known here: a"),
        ("units: {a: {family: f, meaning: m, fallback: a}}", "at units.a.fallback: a -> a is a circle; break it"),
        (
            "units:\n  a: {family: f, meaning: m, fallback: b}\n  b: {family: f, meaning: m, fallback: a}\n",
            "at units.a.fallback: a -> b -> a is a circle; break it at one unit",
        ),
        ("units: {a: {family: f}}", "at units.a.meaning: it is missing; add meaning: text in quotes"),
        (
            "units: {a: {family: f, meaning: m, price: 1}}",
            "at units.a.price: there is no such key; known here: fallback, family, meaning",
        ),
    ],
)
def test_refuses_a_bad_registry(write: Callable[..., Path], units: str, message: str) -> None:
    folder = write(units=units)
    with pytest.raises(BadConfig) as refused:
        load_rates(folder)
    assert str(refused.value).startswith(f"{folder / 'units.yaml'}: {message}")


def test_refuses_what_is_missing_or_given_in_two_files(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"units\.yaml: there is no such file; check the path"):
        load_rates(tmp_path)
    built_in = write(p=ONE)
    with pytest.raises(BadConfig, match="own: there is no such folder; create it or correct the setting that names it"):
        load_rates(built_in, tmp_path / "own")
    with pytest.raises(BadConfig, match=r"q\.yaml: at models\[0\]\.match: 'm' is also in p\.yaml; keep it in one"):
        load_rates(write(p=ONE, q=ONE))
    with pytest.raises(BadConfig, match=r"at units\.input_tokens: this unit exists already; use it, or choose"):
        load_rates(write("plain", p=ONE), write("own", mine=ONE))


def test_the_oldest_check_of_an_integration_counts(write: Callable[..., Path]) -> None:
    older, other = ONE.replace("2026-11-21", "2026-03-01"), ONE.replace("integration: p", "integration: q")
    built_in = write(p=ONE, q=other, more=older.replace("[m]", "[n]"))
    assert read_rates(built_in).checked == {"p": date(2026, 3, 1), "q": date(2026, 11, 21)}
    own = write("own", units=None, mine=other.replace("2026-11-21", "2025-01-01"))
    assert read_rates(built_in, own).checked == {"p": date(2026, 3, 1), "q": date(2025, 1, 1)}


def test_units_of_both_folders_are_known(write: Callable[..., Path]) -> None:
    built_in = write(p=ONE)
    own = write("own", units="units: {pages: {family: fees, meaning: pages}}")
    assert load_units(built_in) == {"input_tokens", "output_tokens", "cache_read_tokens", "web_searches"}
    assert load_units(built_in, own) == load_units(built_in) | {"pages"}
    assert load_units(built_in, write("bare", units=None)) == load_units(built_in)


def test_all_that_is_wrong_is_told_at_once(write: Callable[..., Path]) -> None:
    bad = HEAD + 'models: [{match: [], rates: [{usd: {tokens: "1", input_tokens: 2}}]}, {match: [m], rates: []}]\n'
    with pytest.raises(BadConfig) as refused:
        load_rates(write(p=ONE.replace("usd", "eur"), q=bad), write("own", units=None, mine=ONE.replace('"1"', '"-1"')))
    assert [problem.partition(": at ")[2].split(":")[0] for problem in refused.value.problems] == [
        "models[0].rates[0].eur",
        "models[0].rates[0].usd",
        "models[0].match",
        "models[1].rates",
        "models[0].rates[0].usd",
    ]


def test_a_card_knows_the_file_of_every_model(write: Callable[..., Path]) -> None:
    built_in = HEAD + 'models: [{match: [m, n], rates: [{unit: input_tokens, usd: "1"}]}]\n'
    card = load_rates(write(p=built_in), write("own", units=None, mine=ONE.replace("somewhere", "a contract")))
    mine, theirs = card.source_of("p", found(card, "m")), card.source_of("p", found(card, "n"))
    assert mine is not None
    assert (mine.file, mine.own, mine.source, mine.checked) == ("mine.yaml", True, "a contract", "2026-11-21")
    assert theirs is not None
    assert (theirs.file, theirs.own, theirs.source) == ("p.yaml", False, "somewhere")


def test_a_card_s_version_is_that_of_its_prices_alone(write: Callable[..., Path]) -> None:
    before, after = load_rates(write(p=ONE)), load_rates(write(p=ONE.replace("2026-11-21", "2026-12-01")))
    assert before.version == after.version
    assert before != after
    assert before.prices_as(after)
