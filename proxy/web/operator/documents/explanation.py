"""Why an entry says what it says: for a call every line with its rate, its margin and its exact amounts."""

from msgspec import Struct

from proxy.clock import timestamp
from proxy.ledger.bill import Bill
from proxy.ledger.entry import Entry
from proxy.ledger.explain import Explained, LineExplained
from proxy.money import Quantity
from proxy.store.books import Story
from proxy.web.operator.documents.exact import exact
from proxy.web.operator.documents.margins import LevelDocument, level_documents
from proxy.web.operator.documents.page import Time
from proxy.web.operator.documents.rates import SourceDocument, source_document
from proxy.web.operator.documents.stories import CallStory, story_document


class ConditionsDocument(Struct, frozen=True, kw_only=True):
    """What chose among the rates: the tier and region that served, the prompt's tokens, the UTC date of the hold."""

    tier: str | None
    region: str | None
    context: int
    date: str


class RateUsed(Struct, frozen=True, kw_only=True):
    """The rate of a line: `usd` for `per` of `unit`, which is another's where the line's own unit has no rate.

    The qualifiers are those of the rate; null holds always. `source` is the row's own, `file` the file's.
    """

    unit: str
    usd: str
    per: int
    tier: str | None
    region: str | None
    context_above: int | None
    hours: tuple[str, ...]
    since: str | None
    source: str | None
    file: SourceDocument | None


class LineDocument(Struct, frozen=True, kw_only=True):
    """One priced unit. The exact amounts are before rounding; the others are the line's share after it.

    `model` is what answered; `priced_as` the model whose rates hold, where the answer's own has none.
    """

    model: str
    priced_as: str
    unit: str
    quantity: Quantity
    conditions: ConditionsDocument
    rate: RateUsed
    margin_level: str
    margin_pct: str
    levels: list[LevelDocument]
    exact_upstream_cost_nanos: str
    exact_charge_nanos: str
    upstream_cost_nanos: int
    charge_nanos: int


class Unpriced(Struct, frozen=True):
    """A unit that was counted and has no rate, so that it cost nothing."""

    model: str
    unit: str


class ChargeDocument(Struct, frozen=True, kw_only=True):
    """How a call's charge came about, and who bore it: `charge = paid + waived + shortfall`.

    `agrees` tells that the exact sums, rounded half to even, are the stored amounts. `note` says why the lines are
    missing, if they are.
    """

    certainty: str
    rate_card: str
    margins: int
    lines: list[LineDocument]
    unpriced: list[Unpriced]
    exact_upstream_cost_nanos: str | None
    exact_charge_nanos: str | None
    upstream_cost_nanos: int
    charge_nanos: int
    agrees: bool
    note: str | None
    reported_cost: str | None
    by_report: bool
    rated_cost_nanos: int
    paid_nanos: int
    waived_nanos: int
    shortfall_nanos: int
    exposure_nanos: int


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a wallet moved, or why it did not. `id` is the entry's, null for a call that left none.

    `charge` is null for what is no call, and for a call without a bill.
    """

    id: str | None
    tenant: str
    kind: str | None
    reference: str | None
    created_at: Time | None
    period: str | None
    amount_nanos: int
    balance_before_nanos: int
    balance_after_nanos: int
    call: CallStory | None
    charge: ChargeDocument | None


def deposit_explanation(entry: Entry) -> Explanation:
    """Explain an entry that is no call."""
    return _explanation(entry, None, None)


def call_explanation(story: Story, call: str, charge: ChargeDocument | None) -> Explanation:
    """Explain a call, charged or not."""
    document = story_document(call, story)
    if story.entry is not None:
        return _explanation(story.entry, document, charge)
    return Explanation(
        id=None,
        tenant=document.tenant,
        kind=None,
        reference=call,
        created_at=None,
        period=None,
        amount_nanos=0,
        balance_before_nanos=story.balance_before,
        balance_after_nanos=story.balance_before,
        call=document,
        charge=None,
    )


def charge_document(entry: Entry, bill: Bill, explained: Explained | None, note: str) -> ChargeDocument:
    """Show how a charge came about; `explained` is None where its card or model cannot be found, `note` says why."""
    return ChargeDocument(
        certainty=bill.certainty.value,
        rate_card=bill.rate_card,
        margins=bill.margins,
        lines=[line_document(each) for each in explained.lines] if explained else [],
        unpriced=[Unpriced(model, unit) for model, unit in bill.unpriced],
        exact_upstream_cost_nanos=exact(explained.cost) if explained else None,
        exact_charge_nanos=exact(explained.charge) if explained else None,
        upstream_cost_nanos=bill.upstream_cost_nanos,
        charge_nanos=bill.charge_nanos,
        agrees=explained is not None and explained.agrees(bill),
        note=note or None,
        reported_cost=bill.reported_cost or None,
        by_report=bill.by_report,
        rated_cost_nanos=bill.rated_nanos,
        paid_nanos=-entry.amount_nanos,
        waived_nanos=entry.waived_nanos,
        shortfall_nanos=bill.shortfall_nanos,
        exposure_nanos=bill.exposure_nanos,
    )


def line_document(each: LineExplained) -> LineDocument:
    """Show one line."""
    line, rate, conditions = each.line, each.rate, each.part.conditions
    return LineDocument(
        model=line.model,
        priced_as=each.part.priced_as,
        unit=line.unit,
        quantity=line.quantity,
        conditions=ConditionsDocument(
            tier=conditions.tier, region=conditions.region, context=conditions.context, date=conditions.date
        ),
        rate=RateUsed(
            unit=rate.unit,
            usd=rate.usd,
            per=rate.per,
            tier=rate.tier,
            region=rate.region,
            context_above=rate.context_above,
            hours=rate.hours,
            since=rate.since or None,
            source=rate.source or None,
            file=source_document(each.source),
        ),
        margin_level=line.margin_level,
        margin_pct=line.margin_pct,
        levels=level_documents(each.looks),
        exact_upstream_cost_nanos=exact(each.cost),
        exact_charge_nanos=exact(each.charge),
        upstream_cost_nanos=line.cost_nanos,
        charge_nanos=line.charge_nanos,
    )


def _explanation(entry: Entry, call: CallStory | None, charge: ChargeDocument | None) -> Explanation:
    return Explanation(
        id=entry.id,
        tenant=entry.tenant,
        kind=entry.kind,
        reference=entry.reference or None,
        created_at=timestamp(entry.created_at),
        period=entry.period,
        amount_nanos=entry.amount_nanos,
        balance_before_nanos=entry.balance_after_nanos - entry.amount_nanos,
        balance_after_nanos=entry.balance_after_nanos,
        call=call,
        charge=charge,
    )
