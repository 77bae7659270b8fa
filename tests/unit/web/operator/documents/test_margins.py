from decimal import Decimal

from proxy.pricing.cascade import MarginTable
from proxy.pricing.levels import look
from proxy.store.doors import MarginRow
from proxy.web.operator.documents.margins import explanation_document, margin_document


def test_a_meter_names_its_integration() -> None:
    shown = margin_document(MarginRow((None, "acme", "input_tokens"), "20", 3, 0))
    assert (shown.level, shown.meter, shown.integration) == ("meter", "acme.input_tokens", "acme")
    assert margin_document(MarginRow(("t", None, None), "20", 3, 0)).meter is None


def test_meters_that_are_decided_where_all_are_do_not_differ() -> None:
    table = MarginTable(2, {(None, "acme", "x"): Decimal(5), (None, None, None): Decimal("7.50")})
    meters = {unit: look(table, None, "acme", unit) for unit in ("x", "y")}
    told = explanation_document((None, "acme", None), 2, look(table, None, "acme", None), meters)
    assert (told.level, told.pct, told.meter, told.version) == ("global", "7.50", None, 2)
    assert [(each.meter, each.level, each.pct) for each in told.meters] == [("acme.x", "meter", "5")]
