"""Provider files: what they become, and each mistake in them with the sentence that refuses it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.errors import BadConfig
from proxy.loading.providers import Own, Provider, load_providers
from proxy.loading.shipped import shipped
from proxy.providers.integration import KeyOut, Place, Policy
from proxy.providers.signing import Credentials, Signing
from proxy.wire.framing import Framing

GOOD: dict[str, Any] = yaml.safe_load("""
integration: acme
source: made up, 2026-11-21
hosts: [https://api.acme.test]
key: {in: [bearer, "header:x-acme-key", "query:key"], out: {header: Acme-Auth, value: "Key {key}"}}
strip_headers: [Acme-Project]
envelope: {body: {error: "{message}"}, types: {}, default_type: bad}
upstream_errors: [{status: 401, refusal: upstream_auth}]
endpoints:
  - {name: chat, method: POST, path: /v1/chat, model: {body: model}, reader: chat, bound: chat}
  - name: run
    method: POST
    path: "/v1/{model}:run"
    allow: {model: ["%2F"]}
    model: {path: model}
    reader: chat
    bound: chat
  - {name: models, method: GET, path: /v1/models, free: true}
readers: {chat: {source: made up, usage: [usage], units: {input_tokens: prompt}}}
bounds: {chat: {input: [{unit: input_tokens}]}}
""")
COUSIN = {
    **GOOD,
    "integration": "cousin",
    "envelope": "acme",
    "readers": {},
    "bounds": {},
    "endpoints": [{**GOOD["endpoints"][0], "reader": "acme/chat", "bound": "acme/chat"}],
}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a folder of provider files: `write("built_in", acme=CONTENT)`."""

    def make(folder: str, **files: Any) -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, content in files.items():
            text = content if isinstance(content, str) else yaml.safe_dump(content)
            (tmp_path / folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path / folder

    return make


def endpoint(provider: Provider, name: str) -> Any:
    return next(each for each in provider.endpoints if each.name == name)


# --- What a file becomes


def test_a_provider_is_a_file(write: Write) -> None:
    acme = load_providers(write("p", acme=GOOD))["acme"]
    assert (acme.name, acme.hosts, acme.key_out) == (
        "acme",
        ("https://api.acme.test",),
        KeyOut("Acme-Auth", "Key {key}"),
    )
    assert acme.key_in == ("bearer", "header:x-acme-key", "query:key")
    chat, run, models = acme.endpoints
    assert (chat.model.body, run.model.path, models.free) == ("model", "model", True)
    assert chat.reader is run.reader
    assert chat.reader.source == "made up"
    assert chat.bound.input[0].unit == "input_tokens"
    assert run.template.match("/v1/a%2Fb:run") == {"model": "a%2Fb"}
    assert run.template.match("/v1/a%20b:run") is None


def test_a_name_may_end_like_the_label_of_a_subdomain(write: Write) -> None:
    assert set(load_providers(write("p", acme={**GOOD, "integration": "acme-proxy"}))) == {"acme-proxy"}


def test_a_route_may_speak_another_dialect_than_its_integration(write: Write) -> None:
    lines = {**COUSIN["endpoints"][0], "envelope": "acme", "framing": "ndjson"}
    own = {"body": {"fault": "{message}"}, "types": {}, "default_type": "bad"}
    cousin = {**COUSIN, "envelope": own, "endpoints": [lines, GOOD["endpoints"][2]]}
    loaded = load_providers(write("p", acme=GOOD, cousin=cousin))
    chat, models = loaded["cousin"].endpoints
    assert (chat.envelope, models.envelope) == (loaded["acme"].envelope, None)
    assert loaded["cousin"].envelope.body == {"fault": "{message}"}
    assert (chat.framing, models.framing) == (Framing.NDJSON, None)


def test_no_header_that_carries_a_key_goes_up(write: Write) -> None:
    """What the file strips, where callers put their keys, and where ours goes."""
    acme = load_providers(write("p", acme=GOOD))["acme"]
    assert acme.strip == {"acme-project", "x-acme-key", "acme-auth"}


def test_switching_on_adds_the_operators_part(write: Write) -> None:
    acme = load_providers(write("p", acme=GOOD))["acme"]
    integration = acme.switch_on("sk-1", "http://localhost:9", Policy(admission="strict"))
    assert (integration.api_key, integration.origin, integration.policy.admission) == (
        "sk-1",
        "http://localhost:9",
        "strict",
    )
    assert integration.find("POST", "/v1/chat") == (acme.endpoints[0], {})
    assert (integration.envelope, integration.upstream_errors) == (acme.envelope, acme.upstream_errors)


CLOUD: dict[str, Any] = {
    **GOOD,
    "hosts": ["https://acme.{region}.test"],
    "services": {"agents": {"host": "https://agents.{region}.test", "sign_as": "acme-agents"}},
    "regions": {"default": "here-1"},
    "signer": {"name": "sigv4", "service": "acme"},
    "endpoints": [GOOD["endpoints"][0], {**GOOD["endpoints"][0], "name": "a", "path": "/a", "service": "agents"}],
}
SPREAD: dict[str, Any] = {
    **GOOD,
    "hosts": ["https://acme.test"],
    "regions": {
        "at": "place",
        "names": ["global", "eu", "here-1"],
        "hosts": {"eu": "https://eu.acme.test", "*": "https://{region}.acme.test", "global": "https://acme.test"},
    },
    "fixed": {"project": "project", "place": "region"},
    "endpoints": [{**GOOD["endpoints"][0], "path": "/projects/{project}/places/{place}/chat"}],
}


@pytest.mark.parametrize(("region", "shown"), [("", "here-1"), ("far-9", "far-9")])
def test_hosts_of_the_operators_region(write: Write, region: str, shown: str) -> None:
    acme = load_providers(write("p", acme=CLOUD))["acme"].switch_on("sk", "", Policy(), Own(region))
    assert (acme.origin, acme.region) == (f"https://acme.{shown}.test", shown)
    assert acme.places == {"agents": Place(f"https://agents.{shown}.test", "acme-agents")}
    assert [acme.place(each, {}) for each in acme.endpoints] == ["", "agents"]
    assert (acme.signing, acme.sign_as) == (None, "acme")


def test_an_upstream_replaces_every_host_but_not_what_signatures_name(write: Write) -> None:
    provider = load_providers(write("p", acme=CLOUD))["acme"]
    keys = Credentials("AKID", "secret")
    acme = provider.switch_on("", "http://own:9", Policy(), Own("far-9", credentials=keys))
    assert acme.origin == "http://own:9"
    assert acme.places == {"agents": Place("http://own:9", "acme-agents")}
    assert acme.signing == Signing("acme", "sigv4", "far-9", keys)


def test_hosts_of_regions_that_paths_name(write: Write) -> None:
    provider = load_providers(write("p", acme=SPREAD))["acme"]
    acme = provider.switch_on("sk", "", Policy(), Own())
    assert acme.origin == "https://acme.test"
    assert {name: place.origin for name, place in acme.places.items()} == {
        "global": "https://acme.test",
        "eu": "https://eu.acme.test",
        "here-1": "https://here-1.acme.test",
    }
    found = acme.find("POST", "/projects/p/places/eu/chat")
    assert isinstance(found, tuple)
    assert acme.place(*found) == "eu"
    assert provider.switch_on("sk", "http://own:9", Policy(), Own()).places == {}


def test_what_the_operator_fixes(write: Write) -> None:
    provider = load_providers(write("p", acme=SPREAD))["acme"]
    assert provider.switch_on("sk", "", Policy(), Own(project="p")).fixed == {"project": "p"}
    fixed = provider.switch_on("sk", "", Policy(), Own("eu", "p"))
    assert (fixed.fixed, fixed.origin) == ({"project": "p", "place": "eu"}, "https://eu.acme.test")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"endpoints": [{**CLOUD["endpoints"][1], "service": "agent"}]}, "'agent' is no service; did you mean agents?"),
        ({"regions": {}}, "at regions.default: it is empty"),
        ({"regions": {"at": "place", "default": "x"}}, "at regions.names: it is empty"),
        ({"regions": {"at": "place", "default": "x", "names": ["x"]}}, "at services: a provider whose paths name"),
        ({"signer": {"name": "sigv5"}}, "at signer.name: 'sigv5' is no signer; did you mean sigv4?"),
    ],
)
def test_what_is_not_declared_is_refused(write: Write, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load_providers(write("p", acme={**CLOUD, **changes}))
    assert any(fault in problem for problem in caught.value.problems or (str(caught.value),))


def test_a_file_may_borrow_from_another(write: Write) -> None:
    found = load_providers(write("p", acme=GOOD, cousin=COUSIN))
    assert found["cousin"].envelope == found["acme"].envelope
    assert endpoint(found["cousin"], "chat").reader is endpoint(found["acme"], "chat").reader


def test_the_operators_files_replace_built_in_ones(write: Write) -> None:
    changed = {**GOOD, "hosts": ["https://mirror.acme.test"]}
    built_in, extra = (
        write("p", acme=GOOD, cousin=COUSIN),
        write("extra", mine=changed, other={**GOOD, "integration": "other"}),
    )
    found = load_providers(built_in, extra)
    assert sorted(found) == ["acme", "cousin", "other"]
    assert found["acme"].hosts == ("https://mirror.acme.test",)


# --- Mistakes


def without(key: str, **changes: Any) -> dict[str, Any]:
    return {**{name: value for name, value in GOOD.items() if name != key}, **changes}


def chat(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "endpoints": [{**GOOD["endpoints"][0], **changes}]}


NO_LABEL = "cannot be a subdomain's label; use a-z, 0-9 and single hyphens"
MISTAKES: dict[str, tuple[Any, str]] = {
    "not_yaml": ("a: [", "line 2, column 1: did not find expected node content; correct the YAML there"),
    "key_twice": (
        "integration: acme\nintegration: acme\n",
        "line 2, column 1: the key 'integration' is also in line 1; keep one of the two",
    ),
    "not_a_mapping": ("- acme\n", "['acme'] cannot be used; write a mapping"),
    "missing": (without("hosts"), "at hosts: it is missing; add hosts: a list of text in quotes"),
    "unknown": ({**GOOD, "host": "x"}, "at host: there is no such key; did you mean hosts?"),
    "unknown_inside": (
        chat(modell={"body": "model"}),
        "at endpoints[0].modell: there is no such key; did you mean model?",
    ),
    "wrong_type": (chat(free="yes"), "at endpoints[0].free: 'yes' cannot be used; write true or false"),
    "capital_name": ({**GOOD, "integration": "Acme"}, f"at integration: 'Acme' {NO_LABEL}"),
    "dotted_name": ({**GOOD, "integration": "a.b"}, f"at integration: 'a.b' {NO_LABEL}"),
    "hyphen_name": ({**GOOD, "integration": "-a"}, f"at integration: '-a' {NO_LABEL}"),
    "empty_name": ({**GOOD, "integration": ""}, f"at integration: '' {NO_LABEL}"),
    "reserved_name": ({**GOOD, "integration": "v1"}, f"at integration: 'v1' {NO_LABEL}"),
    "no_source": (
        {**GOOD, "source": " "},
        "at source: it is empty; name the page or package, its version and the date",
    ),
    "host_with_path": (
        {**GOOD, "hosts": ["https://api.acme.test/v1"]},
        "at hosts: 'https://api.acme.test/v1' is no origin; write https://HOST, without path or slash",
    ),
    "host_alone": ({**GOOD, "hosts": ["api.acme.test"]}, "at hosts: 'api.acme.test' is no origin"),
    "key_nowhere": (
        {**GOOD, "key": {**GOOD["key"], "in": ["headr:x"]}},
        "at key.in: 'headr:x' is no place for a key; use bearer, token, bare, sigv4, header:NAME (lower case)",
    ),
    "key_capital": ({**GOOD, "key": {**GOOD["key"], "in": ["header:X-Key"]}}, "at key.in: 'header:X-Key' is no place"),
    "key_out": (
        {**GOOD, "key": {**GOOD["key"], "out": {"header": "a", "value": "Bearer"}}},
        "at key.out.value: 'Bearer' has no {key}; say where the key goes",
    ),
    "refusal": (
        {**GOOD, "upstream_errors": [{"status": 400, "refusal": "rate_limited"}]},
        (
            "at upstream_errors: 'rate_limited' is not a refusal about the operator's account; "
            "use upstream_auth or upstream_funds"
        ),
    ),
    "no_envelope": (
        {**GOOD, "envelope": "nobody"},
        "at envelope: no provider 'nobody' has an envelope of its own to borrow",
    ),
    "borrowed_twice": (
        {**COUSIN, "envelope": "cousin"},
        "at envelope: no provider 'cousin' has an envelope of its own to borrow",
    ),
    "no_envelope_of_a_route": (
        chat(envelope="nobody"),
        "at endpoints, chat: at envelope: no provider 'nobody' has an envelope of its own to borrow",
    ),
    "framing": (
        chat(framing="xml"),
        "at endpoints[0].framing",
    ),
    "method": (
        chat(method="post"),
        "at endpoints, chat: 'post' is no method; use one of GET, POST, PUT, PATCH, DELETE",
    ),
    "path": (
        chat(path="v1/chat"),
        "at endpoints, chat: the path template 'v1/chat' must begin with /; write '/v1/chat'",
    ),
    "allow_slash": (
        chat(path="/v1/{model}", allow={"model": ["/"]}),
        "at endpoints, chat: the parameter 'model' may not allow '/'; name one character or one escape",
    ),
    "no_reader": (
        chat(reader=""),
        "at endpoints, chat: a metered route needs a reader and a bound; add them, or say free: true",
    ),
    "no_bound": (chat(bound=""), "at endpoints, chat: a metered route needs a reader and a bound"),
    "no_cost": (
        chat(charge_by="reported"),
        "at endpoints, chat: charge_by is 'reported', but its reader finds no cost; add cost: {at: ...} to the reader",
    ),
    "no_model": (
        chat(model={}),
        "a metered route names no model; add model: {body: ...}, {path: ...}, {query: ...} or {fixed: ...}",
    ),
    "model_parameter": (
        chat(path="/v1/{id}", model={"path": "model"}),
        "at endpoints, chat: 'model' is not a parameter of its path, /v1/{id}; name one of: id",
    ),
    "object_parameter": (
        chat(objects={"at": "file_id"}),
        "at endpoints, chat: 'file_id' is not a parameter of its path",
    ),
    "unread_objects": (
        chat(free=True, reader="", objects={"creates": True}),
        "at endpoints, chat: objects can only be recorded by a reader; name one",
    ),
    "reader_name": (chat(reader="chatt"), "at endpoints, chat: reader: 'chatt' is not defined; did you mean chat?"),
    "bound_name": (chat(bound="chatt"), "at endpoints, chat: bound: 'chatt' is not defined; did you mean chat?"),
    "borrowed_reader": (
        chat(reader="acme/none"),
        "at endpoints, chat: reader: 'acme/none' is not defined; known here: chat",
    ),
    "borrowed_from_nobody": (
        chat(reader="nobody/chat"),
        "at endpoints, chat: reader: there is no provider 'nobody' to borrow 'chat' from",
    ),
    "reader_sum": (
        {**GOOD, "readers": {"chat": {"source": "x", "usage": ["usage"], "units": {"input_tokens": ""}}}},
        "at readers.chat: an empty path is not a path",
    ),
    "bound_unknown": (
        {**GOOD, "bounds": {"chat": {"input": [], "outputs": {}}}},
        "at bounds.chat.outputs: there is no such key; did you mean output?",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_refused_in_one_line(write: Write, name: str) -> None:
    content, said = MISTAKES[name]
    folder = write("p", **{name: content})
    with pytest.raises(BadConfig) as caught:
        load_providers(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / name}.yaml: ")
    assert said in message
    assert "\n" not in message


def test_two_files_of_one_folder_cannot_be_the_same_provider(write: Write) -> None:
    folder = write("p", acme=GOOD, copy=GOOD)
    with pytest.raises(BadConfig, match=r"copy\.yaml: at integration: 'acme' is also in acme\.yaml; keep one$"):
        load_providers(folder)


def test_a_plain_path_may_stand_beside_a_parameter(write: Write) -> None:
    """It is looked up first, so there is no doubt which of the two is meant."""
    routes = [{"name": name, "method": "GET", "path": path, "free": True} for name, path in BESIDE.items()]
    acme = load_providers(write("p", acme={**GOOD, "endpoints": routes}))["acme"]
    assert [each.name for each in acme.endpoints] == ["any", "all"]


BESIDE = {"any": "/v1/models/{model}", "all": "/v1/models/all"}


# --- The built-in files


def test_the_built_in_files_load() -> None:
    found = load_providers(shipped("config") / "providers")
    assert found
    for provider in found.values():
        names = [each.name for each in provider.endpoints]
        assert len(names) == len(set(names)), f"{provider.name}: an endpoint's name is its label in metrics"
        routes = [(each.method, each.template.text) for each in provider.endpoints]
        assert len(routes) == len(set(routes)), f"{provider.name}: the second of two same routes is never reached"
        assert provider.endpoints


def test_every_built_in_route_leads_to_its_own_endpoint() -> None:
    """A template that another one shadows would meter a call by the wrong rule."""
    for provider in load_providers(shipped("config") / "providers").values():
        integration = provider.switch_on("sk", "https://x.test", Policy())
        for each in provider.endpoints:
            path = each.template.text
            for parameter in each.template.pattern.groupindex:
                start = path.index("{" + parameter)
                end = path.index("}", start) + 1
                choices = path[start:end].partition(":")[2].rstrip("}")
                path = path[:start] + (choices.split("|")[0] or "some-id") + path[end:]
            found = integration.find(each.method, path)
            assert isinstance(found, tuple), f"{provider.name}: {path}"
            assert found[0].name == each.name, f"{provider.name}: {path}"
