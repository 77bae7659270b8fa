"""All that is kept of one call: how it ended, what it held, what it was charged, what it left to the operator."""

from msgspec import Struct

from proxy.clock import timestamp
from proxy.errors import Refusal
from proxy.ledger.call import Outcome
from proxy.ledger.hold import Hold
from proxy.store.books import Story
from proxy.web.operator.documents.calls import ExposureDocument, WorkDocument, exposure_document, work_document
from proxy.web.operator.documents.entries import EntryDocument, entry_document
from proxy.web.operator.documents.meanings import MEANINGS, OUTCOMES, REMEDIES, refusal_of
from proxy.web.operator.documents.page import Time, moment

RUNNING = "running"
WORKS = "the call was answered, and its work goes on at the provider; what it holds ends with that"


class HoldStory(Struct, frozen=True, kw_only=True):
    """What a call held. `state` is `held` while it runs, then `settled` with an entry or `released` without one.

    `rate_card` and `margins` are the versions that price it.
    """

    held_nanos: int
    upstream_cost_nanos: int
    state: str
    waived: bool
    rate_card: str
    margins: int
    created_at: Time


class CallStory(Struct, frozen=True, kw_only=True):
    """One call. `outcome` is `running` while it runs; `meaning` says the outcome or the refusal in a sentence.

    `balance_before_nanos` is what the wallet had when the call began. `remedy` is what an operator can do. `work` is
    what finishes later, and what the hold belongs to.
    """

    id: str
    tenant: str
    key: str
    integration: str
    endpoint: str
    model: str
    outcome: str
    status: int | None
    refusal: str | None
    session: str | None
    meaning: str
    remedy: str | None
    started_at: Time
    ended_at: Time | None
    balance_before_nanos: int
    hold: HoldStory | None
    entry: EntryDocument | None
    work: WorkDocument | None
    exposures: list[ExposureDocument]


def story_document(call: str, story: Story) -> CallStory:
    """Show a call that is over or runs."""
    of, record = story.of, story.record
    refusal = refusal_of(record.refusal) if record else None
    return CallStory(
        id=call,
        tenant=of.tenant,
        key=of.key,
        integration=of.integration,
        endpoint=of.endpoint,
        model=of.model,
        outcome=record.outcome.value if record else RUNNING,
        status=record.status if record else None,
        refusal=refusal.code if refusal else None,
        session=(record.session or None) if record else None,
        meaning=WORKS if record is None and story.work else _meaning(record.outcome if record else None, refusal),
        remedy=REMEDIES.get(refusal) if refusal else None,
        started_at=timestamp(story.began_at),
        ended_at=moment(record.ended_at if record else None),
        balance_before_nanos=story.balance_before,
        hold=None if story.hold is None else _hold(story.hold),
        entry=None if story.entry is None else entry_document(story.entry, record.session if record else ""),
        work=work_document(story.work),
        exposures=[exposure_document(each) for each in story.exposures],
    )


def _hold(hold: Hold) -> HoldStory:
    return HoldStory(
        held_nanos=hold.wallet_nanos,
        upstream_cost_nanos=hold.cost_nanos,
        state=hold.state.value,
        waived=hold.waived,
        rate_card=hold.rate_card,
        margins=hold.margins,
        created_at=timestamp(hold.created_at),
    )


def _meaning(outcome: Outcome | None, refusal: Refusal | None) -> str:
    if outcome is None:
        return "the call runs; what it holds is given back when it ends"
    if outcome is Outcome.REFUSED and refusal is not None:
        return MEANINGS[refusal]
    said = OUTCOMES[outcome]
    return said if refusal is None else f"{said}; the caller was told {refusal.code}: {MEANINGS[refusal]}"
