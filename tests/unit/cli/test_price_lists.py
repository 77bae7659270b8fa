from pathlib import Path

import yaml
from support.price_lists import map_file


def test_draft_of_an_integration(console, tmp_path: Path) -> None:
    entry = {
        "litellm_provider": "crusoe",
        "mode": "chat",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
    }
    path = str(map_file(tmp_path, {"crusoe/some/model": entry}))
    ran = console.run("rates", "draft", "crusoe", "--litellm", path)
    assert ran.code == 0
    assert yaml.safe_load(ran.out)["models"] == [
        {"match": ["some/model"], "rates": [{"usd": {"input_tokens": "1", "output_tokens": "2"}}]}
    ]
    document = console.done("rates", "draft", "crusoe", "--litellm", path)
    assert document["integration"] == "crusoe"
    assert document["lists"][1] == "litellm (prices.json)"
    assert document["file"] == ran.out


def test_draft_of_what_no_list_knows(console, tmp_path: Path) -> None:
    said = console.failed("rates", "draft", "nobody", "--litellm", str(map_file(tmp_path, {})))
    assert "no price of nobody is in genai-prices" in said
    assert console.run("rates", "draft", "nobody").err.startswith("warning: litellm: the package is not installed")
