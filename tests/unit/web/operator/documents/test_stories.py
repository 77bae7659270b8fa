from doubles.books import make_id, make_record, make_request, make_tenant
from msgspec import structs

from proxy.ledger.call import Outcome
from proxy.ledger.hold import open_hold
from proxy.store.books import Story
from proxy.web.operator.documents.stories import story_document

T = make_tenant().id
HOLD = open_hold(make_request(T, 1), 1_000, epoch=1)


def test_a_call_that_runs_has_no_end() -> None:
    told = story_document(make_id("call", 1), Story(None, HOLD, None, (), 7))
    assert (told.outcome, told.status, told.ended_at, told.balance_before_nanos) == ("running", None, None, 7)
    assert "given back when it ends" in told.meaning
    assert told.hold is not None
    assert (told.hold.held_nanos, told.hold.rate_card) == (1_000, "card-1")


def test_a_refused_call_says_what_to_do() -> None:
    record = make_record(T, 1, outcome=Outcome.REFUSED, status=402)
    told = story_document("c", Story(structs.replace(record, refusal="suspended"), None, None, (), 0))
    assert (told.refusal, told.meaning) == ("suspended", "the operator has suspended the tenant")
    assert told.remedy == "faregate tenant resume TENANT"


def test_an_end_with_a_refusal_says_both() -> None:
    record = structs.replace(make_record(T, 1, outcome=Outcome.UPSTREAM_CUT), refusal="upstream_unreachable")
    told = story_document("c", Story(record, HOLD, None, (), 0))
    assert told.meaning.startswith("the provider's answer broke off; the caller was told upstream_unreachable: ")


def test_a_code_of_another_version_is_shown_as_none() -> None:
    record = structs.replace(make_record(T, 1, outcome=Outcome.REFUSED), refusal="of_the_future")
    told = story_document("c", Story(record, None, None, (), 0))
    assert told.meaning == "the call was refused before anything was sent"
