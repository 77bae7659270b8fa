"""A whole sync with made-up lists over the built-in files: what is written, what is left alone, what is put back."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.price_lists import Said

from proxy.errors import BadConfig
from proxy.loading.catalogue import Catalogue, load_catalogue
from proxy.loading.shipped import shipped
from proxy.price_lists.differences import Difference
from proxy.price_lists.judge import Limits
from proxy.price_lists.report import Report, last_report
from proxy.price_lists.sync import Folders, sync
from proxy.pricing.card import Conditions, ModelRates, Rate

NOW = int(datetime(2026, 12, 24, 12, tzinfo=UTC).timestamp()) * 1_000_000
TODAY = "2026-12-24"
OWN = """
integration: openai
source: our contract
checked: 2026-12-01
per: 1000000
models: [{match: [gpt-4o], rates: [{usd: {input_tokens: "1", output_tokens: "2"}}]}]
"""


RATES = {
    "openai": """
integration: openai
source: somewhere
checked: 2026-11-02
per: 1000000
models:
  - match: [gpt-4.1, "gpt-4.1-20??"]
    rates:
      - {usd: {input_tokens: "9", output_tokens: "8"}}
      - {since: 2026-02-01, usd: {input_tokens: "2"}}
      - {tier: batch, usd: {input_tokens: "1"}}
  - {match: [gpt-4o], rates: [{usd: {input_tokens: "2.5", output_tokens: "10"}}]}
""",
    "gemini": """
integration: gemini
source: somewhere
checked: 2026-11-03
per: 1000000
models: [{match: [flash], rates: [{usd: {input_tokens: "0.3"}}]}]
""",
}


@pytest.fixture(autouse=True)
def built_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make three models of two providers all that ships."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("rates", "config/providers"):
        (folder / name).mkdir(parents=True)
    shutil.copy(shipped("rates") / "units.yaml", folder / "rates")
    for name, text in RATES.items():
        (folder / "rates" / f"{name}.yaml").write_text(text)
        shutil.copy(shipped("config") / "providers" / f"{name}.yaml", folder / "config" / "providers")
    monkeypatch.setattr("proxy.loading.catalogue.shipped", lambda name: folder / name)


def per_million(**prices: str) -> tuple[Rate, ...]:
    return tuple(Rate(unit, usd, 1_000_000) for unit, usd in prices.items())


def listed(day: date = date(2026, 12, 20), **changed: str) -> list[Said]:
    """Return two lists that ask what we do, but for these input prices: of `gpt41`, `gpt4o` and `flash`."""
    usd = {"gpt41": "2", "gpt4o": "2.5", "flash": "0.3"} | changed
    batch = (Rate("input_tokens", "1", 1_000_000, tier="batch"),)
    rates = {
        "gpt-4.1": per_million(input_tokens=usd["gpt41"], output_tokens="8") + batch,
        "gpt-4o": per_million(input_tokens=usd["gpt4o"], output_tokens="10"),
        "flash": per_million(input_tokens=usd["flash"]),
    }
    models = {name: ModelRates((name,), each) for name, each in rates.items()}
    said = {"openai": {name: models[name] for name in ("gpt-4.1", "gpt-4o")}, "gemini": {"flash": models["flash"]}}
    return [Said("one 1", said, day=day), Said("two 2", said, day=date(2026, 11, 1))]


def run(folder: Path | None, lists: list[Said], *, write: bool = True) -> Report:
    return sync(Folders(None, folder), lists, Limits(), NOW, write=write)


def price(catalogue: Catalogue, model: str, day: str) -> str:
    found = catalogue.card.find("openai", model)
    assert found is not None
    rate = catalogue.card.rate(found, "input_tokens", Conditions(date=day))
    assert rate is not None
    return rate.usd


def test_an_accepted_price_holds_from_today_on(tmp_path: Path) -> None:
    lists = listed(gpt41="2.2")
    looked = run(tmp_path, lists, write=False)
    assert [each.models[0] for each in looked.accepted] == ["gpt-4.1"]
    assert not list(tmp_path.iterdir())
    done = run(tmp_path, lists)
    assert done.accepted == looked.accepted
    assert "openai.synced.yaml" in done.files
    after = load_catalogue(rates_dir=tmp_path)
    assert (price(after, "gpt-4.1", "2026-12-23"), price(after, "gpt-4.1", "2026-12-24")) == ("2", "2.2")
    assert after.checked["openai"] == date(2026, 12, 20), "the lists know no more than on the day they came here"
    assert last_report(tmp_path) == done


def test_a_second_sync_finds_nothing_new(tmp_path: Path) -> None:
    lists = listed(gpt41="2.2")
    run(tmp_path, lists)
    text = (tmp_path / "openai.synced.yaml").read_text()
    again = run(tmp_path, lists)
    assert (again.accepted, again.files) == ((), ())
    assert (tmp_path / "openai.synced.yaml").read_text() == text
    back = run(tmp_path, listed())
    assert [each.lists["one 1"] for each in back.accepted] == ["2"]
    assert price(load_catalogue(rates_dir=tmp_path), "gpt-4.1", "2026-12-24") == "2"


def test_newer_lists_that_confirm_everything_renew_the_day(tmp_path: Path) -> None:
    assert run(tmp_path, listed(day=date(2026, 11, 1))).files == ()
    assert len(run(tmp_path, listed(day=date(2027, 1, 1))).files) == 2
    assert load_catalogue(rates_dir=tmp_path).oldest_check == date(2026, 12, 24), "never later than today"


def test_what_the_operator_has_written_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(OWN)
    done = run(tmp_path, listed())
    assert not [each for each in (*done.accepted, *done.quarantined) if "gpt-4o" in each.models]
    after = load_catalogue(rates_dir=tmp_path)
    assert price(after, "gpt-4o", "2026-12-24") == "1"
    assert after.checked["openai"] == date(2026, 12, 1), "nobody has checked the operator's own prices"


def test_jumps_are_told_and_never_written(tmp_path: Path) -> None:
    done = run(tmp_path, listed(gpt41="20", gpt4o="0"))
    assert {(each.models[0], each.verdict) for each in done.quarantined} == {("gpt-4.1", "jump"), ("gpt-4o", "zero")}
    assert price(load_catalogue(rates_dir=tmp_path), "gpt-4.1", "2026-12-24") == "2"


def test_a_difference_that_is_known_needs_nobody_s_eye(tmp_path: Path) -> None:
    one, two = listed()
    for each, usd in ((one, "0.6"), (two, "0.7")):
        each._models = each._models | {"gemini": {"flash": ModelRates(("flash",), per_million(input_tokens=usd))}}
    assert [each.verdict for each in run(tmp_path, [one, two], write=False).quarantined] == ["lists differ"]
    two.title = "litellm 1"
    two._models = two._models | {"openai": one._models["openai"] | {"gpt-4.1": ModelRates(("gpt-4.1",), ())}}
    known = Difference(list="litellm", integration="gemini", models=("fl*",), reason="r", source="s")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("proxy.price_lists.sync.load_differences", lambda _: (known,))
        assert run(tmp_path, [one, two], write=False).quarantined == ()
        two._models = two._models | {"gemini": {"flash": ModelRates(("flash",), per_million(input_tokens="0.6"))}}
        verdicts = [each.verdict for each in run(tmp_path, [one, two], write=False).quarantined]
    assert verdicts == ["jump"], "what both say alike is news"


def test_an_integration_that_a_list_does_not_know_is_not_compared(tmp_path: Path) -> None:
    one, two = listed()
    two._models = {name: models for name, models in two._models.items() if name != "gemini"}
    done = run(tmp_path, [one, two])
    assert "gemini" in done.not_compared
    assert "gemini" not in done.integrations
    assert load_catalogue(rates_dir=tmp_path).checked["gemini"] == date(2026, 11, 3)


def test_nowhere_to_write() -> None:
    with pytest.raises(BadConfig, match="rates_dir is not set"):
        run(None, listed())
    assert run(None, listed(), write=False).written is False


def test_all_is_put_back_if_it_cannot_be_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, listed())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("proxy.price_lists.sync.text_of", lambda _: "integration: openai\n")
    with pytest.raises(BadConfig):
        run(tmp_path, listed(gpt41="2.2"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, content: bytes) -> int:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(BadConfig, match=r"cannot be written \(Permission denied\); make it writable"):
        run(tmp_path, listed())
    assert not list(tmp_path.iterdir())
