from decimal import Decimal

from proxy.ledger.work import Facts, read_facts, write_facts


def test_facts_are_kept_as_json_and_read_again() -> None:
    facts = Facts({"model": "m-1"}, {"video_seconds": Decimal("1.5"), "images": 2})
    text = write_facts(facts)
    assert text == '{"names":{"model":"m-1"},"asked":{"video_seconds":1.5,"images":2}}'
    assert read_facts(text) == facts


def test_no_facts_are_an_empty_object() -> None:
    assert (write_facts(Facts()), read_facts("{}")) == ("{}", Facts())
