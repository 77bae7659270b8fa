from proxy.errors import Refusal
from proxy.ledger.call import Outcome
from proxy.web.operator.documents.meanings import MEANINGS, OUTCOMES, REMEDIES, refusal_of


def test_every_refusal_and_every_outcome_has_its_sentence() -> None:
    assert set(MEANINGS) == set(Refusal)
    assert set(OUTCOMES) == set(Outcome)
    assert set(REMEDIES) <= set(Refusal)


def test_refusals_by_code() -> None:
    assert refusal_of("key_scope") is Refusal.KEY_SCOPE
    assert refusal_of("") is None
    assert refusal_of("none") is None
