from decimal import Decimal

from proxy.pricing.card import ModelRates, Rate, RateCard, Source
from proxy.pricing.cascade import MarginTable
from proxy.pricing.formula import Prices
from proxy.web.operator.documents.rates import ModelPricesDocument, model_document, rates_documents

MODEL = ModelRates(
    ("m", "m-*"),
    (
        Rate("output_tokens", "4", 10),
        Rate("input_tokens", "1.5", 10),
        Rate("input_tokens", "1.2", 10, since="2026-06-01"),
        Rate("input_tokens", "1.1", 10, since="2027-01-01"),
        Rate("input_tokens", "9", 10, tier="fast", source="a contract"),
        Rate("input_tokens", "3", 10, context_above=1000),
        Rate("input_tokens", "1.3", 10, region="us", since="2026-06-01"),
    ),
    window=100,
)
CARD = RateCard(
    "v",
    {"acme": (MODEL,)},
    {"cache_read_tokens": "input_tokens", "cache_read_audio_tokens": "cache_read_tokens", "fees": "nothing"},
    (Source("acme", "acme.yaml", True, "a page", "2026-10-01", frozenset({"m", "m-*"})),),
)
TABLE = MarginTable(1, {("t", "acme", "input_tokens"): Decimal("12.5"), ("t", None, None): Decimal(-100)})


def shown(tenant: str | None = None) -> ModelPricesDocument:
    return model_document(Prices(CARD, TABLE, tenant or "", "acme"), "m-1", MODEL, "2026-11-21", tenant)


def test_a_model_with_its_source_and_what_falls_back_on_its_units() -> None:
    document = shown()
    assert (document.version, document.integration, document.model, document.tenant) == ("v", "acme", "m-1", None)
    assert (document.match, document.window, document.output_max) == (("m", "m-*"), 100, None)
    assert document.source is not None
    assert (document.source.file, document.source.owner, document.source.checked) == (
        "acme.yaml",
        "operator",
        "2026-10-01",
    )
    assert document.fallbacks == {"cache_read_tokens": "input_tokens", "cache_read_audio_tokens": "input_tokens"}


def test_which_of_several_prices_is_in_force() -> None:
    states = {
        (r.unit, r.usd): r.state for r in shown().rates if not (r.tier or r.region or r.context_above is not None)
    }
    assert states == {
        ("output_tokens", "4"): "in force",
        ("input_tokens", "1.5"): "superseded",
        ("input_tokens", "1.2"): "in force",
        ("input_tokens", "1.1"): "from 2027-01-01",
    }
    others = [r for r in shown().rates if r.tier or r.region or r.context_above is not None]
    assert [(r.usd, r.state, r.source) for r in others] == [
        ("3", "in force", None),
        ("1.3", "in force", None),
        ("9", "in force", "a contract"),
    ]


def test_what_a_tenant_pays_is_exact() -> None:
    paid = {(r.unit, r.usd): (r.charge_usd, r.margin_level, r.margin_pct) for r in shown("t").rates}
    assert paid["input_tokens", "1.5"] == ("1.6875", "tenant_meter", "12.5")
    assert paid["output_tokens", "4"] == ("0", "tenant", "-100")
    assert {(r.charge_usd, r.margin_level) for r in shown().rates if r.usd == "4"} == {("4.8", "global")}


def test_rates_of_models_in_the_order_of_the_file() -> None:
    (document,) = rates_documents("acme", [MODEL])
    assert (document.integration, document.match, document.rates) == ("acme", ("m", "m-*"), MODEL.rates)
