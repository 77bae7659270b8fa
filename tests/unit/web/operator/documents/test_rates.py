from proxy.pricing.card import ModelRates, Rate
from proxy.web.operator.documents.rates import rates_documents


def test_models_keep_the_order_of_the_file() -> None:
    models = [ModelRates(("b",), (Rate("u", "1"),), window=5), ModelRates(("a",), ())]
    first, second = rates_documents("acme", models)
    assert (first.integration, first.match, first.window, first.rates) == ("acme", ("b",), 5, (Rate("u", "1"),))
    assert second.match == ("a",)
