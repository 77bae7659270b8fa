import pytest

from proxy.providers.endpoint import ObjectRule, parameters_of


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
