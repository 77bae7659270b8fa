"""Prints why a call cost what it cost: lines, levels of the margin, sums before rounding, and who bore what."""

from collections.abc import Iterable

import click

from proxy.cli.calls import story
from proxy.cli.show import Document, facts, heading, moment, table, usd

CERTAINTIES = {
    "exact": "the provider reported the usage, so it is charged in full",
    "at_least": "the answer was cut short: what was seen is charged, up to the hold",
    "estimated": "the provider reported no usage: what was seen is charged, up to the hold",
    "none": "nothing was seen, so nothing is charged",
}


def explanation(document: Document) -> None:
    """Print an explanation for people."""
    call, charge = document["call"], document["charge"]
    if call is None:
        _deposit(document)
        return
    story(call)
    if charge is not None:
        heading("what was used, and its price")
        lines(charge["lines"])
        for each in charge["unpriced"]:
            click.echo(f"{each['unit']} of {each['model']} has no rate, so it cost nothing")
        levels(charge["lines"])
        heading("what it comes to")
        facts(_sums(charge))
        heading("who bore it")
        facts(_shares(document, charge))


def lines(found: Iterable[Document]) -> None:
    """Print the lines of a charge, each with its rate and why that rate holds."""
    table(
        ("model", "unit", "quantity", "rate USD", "per", "because", "from", "upstream USD", "margin", "charge USD"),
        (
            (
                each["model"],
                each["unit"],
                each["quantity"],
                each["rate"]["usd"],
                f"{each['rate']['per']:,}",
                _because(each),
                _source(each["rate"]),
                usd(each["upstream_cost_nanos"]),
                f"{each['margin_pct']} % ({each['margin_level']})",
                usd(each["charge_nanos"]),
            )
            for each in found
        ),
        right=("quantity", "rate USD", "per", "upstream USD", "charge USD"),
    )


def levels(found: Iterable[Document]) -> None:
    """Print the levels of the margin that were looked at, once for all units that have the same answer."""
    grouped: dict[str, tuple[list[str], list[Document]]] = {}
    for each in found:
        looked = [(level["level"], level["pct"]) for level in each["levels"]]
        units, _ = grouped.setdefault(str(looked), ([], each["levels"]))
        if each["unit"] not in units:
            units.append(each["unit"])
    for units, looked_at in grouped.values():
        heading(f"margin of {', '.join(units)}: the first level that is set decides")
        level_table(looked_at, meters=len(units) == 1)


def level_table(found: Iterable[Document], *, meters: bool = True) -> None:
    """Print the levels of the cascade; without `meters` a level of meters is not told of which."""
    table(
        ("level", "tenant", "integration", "meter", "percent", ""),
        (
            (
                each["level"],
                each["tenant"],
                each["integration"],
                each["meter"] if meters or not each["meter"] else "each",
                "not set" if each["pct"] is None else each["pct"],
                _wins(each),
            )
            for each in found
        ),
        right=("percent",),
    )


def _wins(level: Document) -> str:
    if not level["wins"]:
        return " "
    return "decides (built in: none was set)" if level["default"] else "decides"


def _because(line: Document) -> str:
    """Say what chose the rate: its own qualifiers, and the model or unit that it is of, if that is another."""
    rate, conditions = line["rate"], line["conditions"]
    told = [f"tier {rate['tier']}" if rate["tier"] else "standard tier"]
    if rate["region"]:
        told.append(f"region {rate['region']}")
    if rate["context_above"] is not None:
        told.append(f"context {conditions['context']:,} is above {rate['context_above']:,}")
    if rate["hours"]:
        told.append(f"hours {', '.join(rate['hours'])}")
    if rate["since"]:
        told.append(f"since {rate['since']}")
    if rate["unit"] != line["unit"]:
        told.append(f"as {rate['unit']}: it has no rate of its own")
    if line["priced_as"] != line["model"]:
        told.append(f"priced as {line['priced_as']}: {line['model']} has no rates")
    return ", ".join(told)


def _source(rate: Document) -> str:
    file = rate["file"]
    if file is None:
        return rate["source"] or "-"
    told = f"{file['owner']}'s {file['file']} of {file['checked']}"
    return f"{rate['source']}, in {told}" if rate["source"] else told


def _sums(charge: Document) -> Iterable[tuple[str, object]]:
    if charge["note"]:
        yield "note", charge["note"]
    for name, key in (("upstream cost", "upstream_cost_nanos"), ("charge", "charge_nanos")):
        exactly = charge[f"exact_{key}"]
        before = "" if exactly is None else f"{exactly} nano-USD, rounded half to even: "
        yield name, f"{before}{charge[key]} nano-USD, {usd(charge[key])} USD"
    yield "computed again", "the same" if charge["agrees"] else "NOT the same: run faregate ledger verify"
    yield "rate card", f"{charge['rate_card']}, margins as of version {charge['margins']}"
    yield "certainty", f"{charge['certainty']}: {CERTAINTIES[charge['certainty']]}"
    if charge["reported_cost"]:
        said = f"which was charged; by our rates it is {usd(charge['rated_cost_nanos'])} USD"
        yield "provider's own", f"{charge['reported_cost']} USD" + (f", {said}" if charge["by_report"] else "")


def _shares(document: Document, charge: Document) -> Iterable[tuple[str, object]]:
    yield "paid by the wallet", f"{usd(charge['paid_nanos'])} USD"
    yield "waived", f"{usd(charge['waived_nanos'])} USD"
    yield "not covered", f"{usd(charge['shortfall_nanos'])} USD of the charge"
    yield "exposure", f"{usd(charge['exposure_nanos'])} USD of the upstream cost is the operator's"
    yield "balance", f"{usd(document['balance_before_nanos'])} USD before, {usd(document['balance_after_nanos'])} after"


def _deposit(document: Document) -> None:
    facts(
        [
            ("entry", document["id"]),
            ("tenant", document["tenant"]),
            ("kind", document["kind"]),
            ("at", moment(document["created_at"])),
            ("reference", document["reference"]),
            ("amount", f"{usd(document['amount_nanos'])} USD"),
            ("before", f"{usd(document['balance_before_nanos'])} USD"),
            ("after", f"{usd(document['balance_after_nanos'])} USD"),
        ]
    )
