async def test_rates(api) -> None:
    card = await api.done("GET", "/rates")
    assert card["version"] == "card-1"
    assert [row["integration"] for row in card["data"]] == ["acme", "bolt"]
    first = card["data"][0]
    assert (first["match"], first["window"], first["output_max"]) == (["small", "small-*"], 1000, 100)
    assert first["rates"][0]["usd"] == "1.00"
    assert first["rates"][0]["per"] == 1_000_000


async def test_rates_of_one_integration_or_model(api) -> None:
    assert [row["match"] for row in (await api.done("GET", "/rates?integration=bolt"))["data"]] == [["*"]]
    assert len((await api.done("GET", "/rates?integration=acme&model=small-3"))["data"]) == 1
    assert (await api.done("GET", "/rates?integration=acme&model=large"))["data"] == []
    assert (await api.refused("GET", "/rates?integration=nobody"))[2].endswith("known here: acme, bolt")
    assert (await api.refused("GET", "/rates?model=small"))[0] == 400
