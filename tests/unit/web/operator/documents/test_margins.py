from proxy.store.doors import MarginRow
from proxy.web.operator.documents.margins import margin_document


def test_a_meter_names_its_integration() -> None:
    shown = margin_document(MarginRow((None, "acme", "input_tokens"), "20", 3, 0))
    assert (shown.level, shown.meter, shown.integration) == ("meter", "acme.input_tokens", "acme")
    assert margin_document(MarginRow(("t", None, None), "20", 3, 0)).meter is None
