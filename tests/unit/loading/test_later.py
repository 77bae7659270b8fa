"""What a file says of work that finishes later. Each mistake has a case of its own in `tests/bad_configuration`."""

import pytest

from proxy.loading.providers import Provider, load_providers
from proxy.loading.shipped import shipped
from proxy.providers.endpoint import Endpoint

SHIPPED = load_providers(shipped("config") / "providers")


def endpoint(provider: str, name: str) -> Endpoint:
    return next(each for each in SHIPPED[provider].endpoints if each.name == name)


def test_a_route_s_later_has_its_readers() -> None:
    later = endpoint("openai", "batches").later
    assert later is not None
    assert later.results is not None
    assert later.reader is endpoint("openai", "batches/get").reader
    assert later.results.reader.answers == ("response.body",)
    assert (later.tier, later.deadline_s, later.done) == ("batch", 86_400, ("completed",))


def test_many_requests_have_the_bound_of_one() -> None:
    many = endpoint("anthropic", "messages/batches").many
    assert many is not None
    assert many.bound is endpoint("anthropic", "messages").bound


@pytest.mark.parametrize("provider", SHIPPED.values(), ids=lambda provider: provider.name)
def test_every_work_can_be_seen_by_its_owner_and_costs_him_no_more_for_that(provider: Provider) -> None:
    for made in provider.endpoints:
        if made.later is None:
            continue
        tells = [each for each in provider.endpoints if each.objects.tells and each.method == "GET"]
        readers = [each.reader for each in tells if each.free]
        assert made.later.reader in readers, (provider.name, made.name)


@pytest.mark.parametrize("provider", SHIPPED.values(), ids=lambda provider: provider.name)
def test_nothing_that_tells_of_work_can_be_deleted_unseen(provider: Provider) -> None:
    for each in provider.endpoints:
        if each.method == "DELETE" and each.objects.at:
            assert each.objects.deletes, (provider.name, each.name)
