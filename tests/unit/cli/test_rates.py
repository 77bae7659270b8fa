from pathlib import Path

import pytest

UNITS = """
units:
  input_tokens: {family: tokens, meaning: in}
  output_tokens: {family: tokens, meaning: out}
"""
HEAD = "integration: {name}\nsource: somewhere\nchecked: 2026-11-21\nper: 1000000\nmodels:\n"


def folder(path: Path, text: str, *, units: bool = True, name: str = "p") -> str:
    path.mkdir(exist_ok=True)
    if units:
        (path / "units.yaml").write_text(UNITS)
    (path / "p.yaml").write_text(HEAD.format(name=name) + text)
    return path.name


def test_list(faregate) -> None:
    document = faregate.done("rates", "list", "--integration", "acme")
    assert [row["match"] for row in document["data"]] == [["small", "small-*"]]
    ran = faregate.run("rates", "list")
    header, acme, bolt = ran.out.splitlines()
    assert acme.split() == ["acme", "small,", "small-*", "1000", "100", "1.00", "-", "4.00", "1,000,000", "3"]
    assert bolt.split() == ["bolt", "*", "-", "-", "0", "-", "-", "1", "1"]
    assert header.split()[0] == "integration"
    assert ran.err == "2 entries of rate card card-1\n"


def test_show_with_what_a_tenant_pays(faregate) -> None:
    faregate.done("tenant", "create", "acme")
    faregate.done("margin", "set", "50", "--tenant", "acme")
    shown = faregate.shown("rates", "show", "acme", "small-7", "--tenant", "acme").splitlines()
    (row,) = [line.split() for line in shown if line.startswith("input_tokens")]
    assert row == [
        "input_tokens",
        "1,000,000",
        "1.00",
        "1.5",
        "50",
        "%",
        "(tenant)",
        "standard",
        "-",
        "-",
        "-",
        "-",
        "in",
        "force",
    ]
    assert "tenant      a tenant without margins of its own" in faregate.shown("rates", "show", "acme", "small")
    assert faregate.done("rates", "show", "acme", "small")["rates"][0]["charge_usd"] == "1.2"
    assert "did you mean small" in faregate.failed("rates", "show", "acme", "smal")


def test_check_the_built_in_rates(console) -> None:
    document = console.done("rates", "check")
    assert (document["ok"], document["folder"], document["problems"]) == (True, None, [])
    assert document["models"] > 100
    assert console.shown("rates", "check").splitlines()[0] == "ok            yes"


def test_check_a_folder(console, tmp_path: Path) -> None:
    good = '  - {match: [m], rates: [{usd: {input_tokens: "1"}}]}\n'
    name = folder(tmp_path / "mine", good, units=False, name="acme")
    assert console.done("rates", "check", name)["warnings"] == []
    folder(tmp_path / "mine", good + '  - {match: [n], rates: [{usd: {moons: "1"}}]}\n', units=False, name="acme")
    ran = console.run("rates", "check", name)
    assert (ran.code, ran.out.splitlines()[0]) == (1, "ok            no")
    assert "p.yaml: at models[1].rates[0]" in ran.out
    assert "'moons' is no unit" in ran.out
    assert console.run("rates", "check", name, "--json").document["problems"]
    console.failed("rates", "check", "nowhere", code=2)


def test_check_what_the_configuration_names(console, tmp_path: Path) -> None:
    folder(tmp_path / "mine", '  - {match: [m], rates: [{usd: {input_tokens: "1"}}]}\n', units=False, name="acme")
    built_in = console.done("rates", "check")["integrations"]
    (tmp_path / "faregate.yaml").write_text("rates_dir: mine\n")
    assert console.done("rates", "check")["folder"] == "mine"
    assert console.done("rates", "check", "--config", "faregate.yaml")["integrations"] == built_in + 1


def test_diff_of_two_folders(console, tmp_path: Path) -> None:
    old = folder(
        tmp_path / "old", '  - {match: [m, n], window: 5, rates: [{usd: {input_tokens: "2", output_tokens: "4"}}]}\n'
    )
    new = folder(
        tmp_path / "new",
        "  - {match: [m, n], window: 9, rates: "
        '[{usd: {input_tokens: "2.5"}}, {tier: fast, usd: {input_tokens: "0"}}]}\n'
        '  - {match: [x], rates: [{usd: {input_tokens: "1"}}]}\n',
    )
    document = console.done("rates", "diff", old, new)
    assert [(each["kind"], each["models"]) for each in document["models"]] == [
        ("changed", ["m", "n"]),
        ("added", ["x"]),
    ]
    ran = console.run("rates", "diff", old, new)
    rows = [" ".join(row.split()) for row in ran.out.splitlines()[1:]]
    assert rows == [
        "p m, n input_tokens standard 2 / 1,000,000 2.5 / 1,000,000 +25.0 %",
        "p m, n input_tokens fast - 0 / 1,000,000 added",
        "p m, n output_tokens standard 4 / 1,000,000 - removed",
        "p x input_tokens standard - 1 / 1,000,000 added",
        "p m, n window - 5 9 -",
    ]
    assert ran.err.startswith("models: 1 added, 0 removed, 2 changed; rate card ")


def test_diff_against_the_built_in_rates(console, tmp_path: Path) -> None:
    mine = folder(
        tmp_path / "mine", '  - {match: [m], rates: [{usd: {input_tokens: "1"}}]}\n', units=False, name="acme"
    )
    document = console.done("rates", "diff", mine)
    assert [(each["integration"], each["kind"]) for each in document["models"]] == [("acme", "added")]
    assert console.done("rates", "diff")["models"] == []
    (tmp_path / "faregate.yaml").write_text("rates_dir: mine\n")
    assert console.done("rates", "diff") == document


@pytest.mark.parametrize("words", [("check", "mine"), ("diff", "mine")])
def test_a_folder_that_is_no_rates_is_one_line(console, tmp_path: Path, words: tuple[str, str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "p.yaml").write_text("- no\n")
    ran = console.run("rates", *words)
    assert ran.code == 1
    assert "p.yaml" in ran.out + ran.err
