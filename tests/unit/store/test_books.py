import pytest
from doubles.books import make_record, make_request, make_tenant

from proxy.errors import InvariantBroken
from proxy.ledger.hold import open_hold
from proxy.store.books import Story

T = make_tenant().id


def test_a_story_is_of_the_record_or_of_the_hold() -> None:
    record, hold = make_record(T, 1), open_hold(make_request(T, 1), 5, epoch=1)
    over, running = Story(record, hold, None, (), 0), Story(None, hold, None, (), 0)
    assert (over.of, over.began_at) == (record, record.started_at)
    assert (running.of, running.began_at) == (hold, hold.created_at)
    with pytest.raises(InvariantBroken):
        _ = Story(None, None, None, (), 0).of
