import csv
import io
import json
from typing import Any

import pytest
from doubles.desk import TOKEN

from proxy.errors import LedgerUnavailable
from proxy.ledger.entry import Entry
from proxy.money import format_usd
from proxy.store.sqlite import books
from proxy.tenants.actor import Actor
from proxy.web.operator.doors import Visit
from proxy.web.operator.exports import COLUMNS, Export, Format, export_ledger, row


async def fetch(api, query: str) -> tuple[str, str]:
    response = await api.client.get(f"/admin/v1/ledger/export?{query}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status == 200, await response.text()
    return response.content_type, await response.text()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_csv_has_every_entry_with_exact_amounts(api, tenant: str) -> None:
    call = await api.call(tenant, 1000)
    kind, text = await fetch(api, "tenant=Acme")
    assert kind == "text/csv"
    credit, charge = table(text)
    assert tuple(credit) == COLUMNS
    assert (credit["kind"], credit["amount_usd"], credit["call"], credit["usage"]) == ("credit", "10", "", "")
    assert (charge["call"], charge["amount_usd"], charge["balance_after_usd"]) == (call, "-0.012012", "9.987988")
    assert (charge["integration"], charge["endpoint"], charge["model"]) == ("acme", "chat", "small")
    assert charge["usage"] == "input_tokens=1000 audio_seconds=1.5 small-2: input_tokens=10"
    assert (charge["upstream_cost_usd"], charge["charge_usd"], charge["certainty"]) == ("0.01001", "0.012012", "exact")


async def test_ndjson_has_all_of_an_entry(api, tenant: str) -> None:
    await api.call(tenant, 1000)
    kind, text = await fetch(api, "tenant=Acme&format=ndjson")
    assert kind == "application/x-ndjson"
    entries = [json.loads(line) for line in text.splitlines()]
    assert [entry["kind"] for entry in entries] == ["credit", "call"]
    for entry in entries:
        assert entry == await api.done("GET", f"/ledger/{entry['id']}")


async def test_everybody_by_span_and_kind_over_many_pages(api, tenant: str, monkeypatch) -> None:
    monkeypatch.setattr(books, "PAGE", 2)
    other = (await api.done("POST", "/tenants", {"name": "Other"}))["id"]
    for each in (tenant, other, tenant, other, tenant):
        await api.done("POST", "/credits", {"tenant": each, "amount_usd": "1"})
    await api.call(tenant, 1)
    rows = table((await fetch(api, "all=true"))[1])
    assert [(each["tenant"], int(each["seq"])) for each in rows] == [
        *((tenant, seq) for seq in range(1, 6)),
        *((other, seq) for seq in range(1, 3)),
    ]
    assert len(table((await fetch(api, "all=true&kind=call"))[1])) == 1
    assert table((await fetch(api, "all=true&since=2026-11-19"))[1]) == []


async def test_memory_holds_one_page_at_a_time(api, doors, tenant: str, monkeypatch) -> None:
    monkeypatch.setattr(books, "PAGE", 2)
    for _ in range(5):
        await api.call(tenant, 1)
    visit = Visit(doors, Actor("ann", "cli"), api.clock.now())
    for form, heads in ((Format.CSV, 1), (Format.NDJSON, 0)):
        streamed = await export_ledger(visit, Export(tenant=tenant, format=form))
        lines = [chunk.count(b"\n") for chunk in [chunk async for chunk in streamed.chunks]]
        assert lines[heads:] == [2, 2, 2]


async def test_one_tenant_or_all_and_not_both(api, tenant: str) -> None:
    assert "name one tenant" in (await api.refused("GET", "/ledger/export"))[2]
    assert "name one tenant" in (await api.refused("GET", "/ledger/export?tenant=Acme&all=true"))[2]
    assert (await api.refused("GET", "/ledger/export?tenant=nobody"))[0] == 404
    assert (await api.refused("GET", "/ledger/export?tenant=Acme&format=xls"))[0] == 400


async def test_an_export_that_breaks_off_does_not_look_whole(api, tenant: str, monkeypatch, caplog) -> None:
    page = await api.books.entries(books.EntryQuery(tenant, 1))

    async def broken(*_: Any) -> Any:
        yield page
        raise LedgerUnavailable("the disk is gone")

    monkeypatch.setattr(api.books, "stream", broken)
    with pytest.raises(Exception, match=r"(?i)payload|disconnected|closed|reset"):
        await fetch(api, "tenant=Acme")
    assert "broke off" in caplog.text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_made_inert(text: str) -> None:
    entry = Entry("led_1", "tnt_1", 1, "credit", -5, 0, -5, 0, "2026-11-21", text, "", "", "")
    cells = dict(zip(COLUMNS, row(entry), strict=True))
    assert cells["reference"] == f"'{text}"
    assert cells["amount_usd"] == format_usd(-5), "a negative amount is a number, and stays one"


def test_harmless_text_is_left_alone() -> None:
    entry = Entry("led_1", "tnt_1", 1, "credit", 5, 0, 5, 0, "2026-11-21", "invoice 7, =x", "", "", "")
    assert dict(zip(COLUMNS, row(entry), strict=True))["reference"] == "invoice 7, =x"
