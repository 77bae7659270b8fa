import pytest

from proxy.providers.endpoint import ObjectRule, fill, parameters_of, taken_apart


@pytest.mark.parametrize(
    ("at", "parameters", "named", "of"),
    [
        ("", {"model": "m"}, "", ()),
        ("id", {"id": "a%3Ab"}, "a:b", ("id",)),
        ("batches/{id}", {"id": "x", "version": "v1"}, "batches/x", ("id",)),
        ("models/{m}/operations/{id}", {"m": "veo%2F3", "id": "y"}, "models/veo/3/operations/y", ("m", "id")),
    ],
)
def test_an_object_is_named_by_its_path(at: str, parameters: dict[str, str], named: str, of: tuple[str, ...]) -> None:
    rule = ObjectRule(at=at)
    assert (rule.named_by(parameters), parameters_of(at)) == (named, of)


@pytest.mark.parametrize(
    ("name", "filled", "parameters"),
    [
        ("model", "a/b:c", {"model": "a%2Fb%3Ac"}),
        ("", "whatever", {}),
        ("{owner}/{name}", "meta/llama-3", {"owner": "meta", "name": "llama-3"}),
        ("accounts/x/models/{name}", "accounts/x/models/flux.1", {"name": "flux.1"}),
        ("accounts/x/models/{name}", "accounts/xy/models/flux", None),
        ("{owner}/{name}", "llama-3", None),
    ],
)
def test_a_name_is_taken_apart_as_it_is_put_together(name: str, filled: str, parameters: dict[str, str] | None) -> None:
    assert taken_apart(name, filled) == parameters
    if parameters:
        assert fill(name, parameters) == filled
