"""What a file says of work that finishes later. Each mistake has a case of its own in `tests/bad_configuration`."""

import pytest

from proxy.loading.catalogue import load_catalogue
from proxy.loading.providers import Provider, load_providers
from proxy.loading.shipped import shipped
from proxy.providers.endpoint import Endpoint

CATALOGUE = load_catalogue()
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


def test_work_may_be_named_by_its_path_and_its_results_have_pages() -> None:
    made = endpoint("xai", "batches/requests")
    assert made.later is not None
    assert made.later.results is not None
    assert (made.later.at, made.later.done) == ("{batch_id}/requests", ("0",))
    assert (made.later.results.pages, made.later.results.reader.next_page) == ("pagination_token", "pagination_token")
    assert made.later.results.reader.cost is not None, "its answers state what they cost"


def test_requests_may_share_a_route_and_a_model() -> None:
    many = endpoint("mistral", "batch/jobs").many
    assert many is not None
    assert (many.list, many.url, many.shared_model, many.bound) == ("requests", "endpoint", "model", None)
    assert "/v1/ocr" not in many.urls, "the results of a batch are read as tokens"
    groq = endpoint("groq", "files/create").many
    assert groq is not None
    assert groq.urls == {"/v1/chat/completions": "/openai/v1/chat/completions"}


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
def test_what_nobody_can_meter_is_refused_until_it_is_priced_by_the_call_or_by_time(provider: Provider) -> None:
    for each in provider.endpoints:
        if each.unpriced:
            assert CATALOGUE.card.find(provider.name, each.model.fixed) is None, (provider.name, each.name)
            assert each.bound is not None
            by_time = each.name.startswith("realtime/")
            assert {measure.unit for measure in each.bound.measures} == {"audio_seconds" if by_time else "requests"}
            assert "Faregate cannot meter" in each.unpriced


@pytest.mark.parametrize("provider", SHIPPED.values(), ids=lambda provider: provider.name)
def test_what_a_batch_may_ask_for_is_there_and_its_results_can_be_read(provider: Provider) -> None:
    """A route that the results of a batch do not report would be free in one."""
    posted = {each.template.text: each for each in provider.endpoints if each.method == "POST"}
    for made in provider.endpoints:
        if made.many is not None and made.many.urls:
            for path in made.many.urls.values():
                assert posted[path].bound is not None, (provider.name, path)
                assert not posted[path].free
                assert posted[path].takes is None, "a batch has no files"
        if made.many is not None and not made.free:
            assert made.later is not None
            assert made.later.results is not None
            assert made.later.tier == "batch"
            assert set(made.later.results.reader.units) >= {"input_tokens", "output_tokens"}


@pytest.mark.parametrize("provider", SHIPPED.values(), ids=lambda provider: provider.name)
def test_nothing_that_tells_of_work_can_be_deleted_unseen(provider: Provider) -> None:
    for each in provider.endpoints:
        if each.method == "DELETE" and each.objects.at:
            assert each.objects.deletes, (provider.name, each.name)
