"""Writes the reference pages from the code that they describe: `python docs/generate.py`.

A test runs it in memory and compares, so a page that lags behind fails.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from proxy.cli.main import faregate
from proxy.errors import Refusal
from proxy.loading.catalogue import load_catalogue
from proxy.loading.settings import rows
from proxy.metrics import Metrics
from proxy.providers.endpoint import Endpoint
from proxy.tally import Dial, Spread, Tally
from proxy.web.operator.documents.meanings import MEANINGS
from proxy.web.operator.messages import PREFIX
from proxy.web.operator.openapi import openapi
from proxy.web.operator.route import JSON
from proxy.web.operator.routes import ROUTES

Part = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent


def refusals() -> str:
    """Return the page of refusals."""
    lines = [
        "# Refusals",
        "",
        "A refused call is answered in the envelope of its provider, so that the provider's own SDK raises its own",
        "typed error. `faregate-refusal` carries the code, `faregate-call-id` the call, and `x-should-retry: false`",
        "stands where the same call cannot succeed later. Nothing refused with 4xx was sent, and nothing refused is",
        "charged.",
        "",
        "A 402 other than `suspended` carries `balance`, `held` and `needed` in USD, and `top_up_url`.",
        "",
        "| code | status | retry | meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{refusal.code}` | {refusal.status} | {'yes' if refusal.retryable else 'no'} | {MEANINGS[refusal]} |"
        for refusal in Refusal
    ]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """Return the page of settings."""
    lines = [
        "# Settings",
        "",
        "One YAML file (`faregate serve --config FILE`, `FAREGATE_CONFIG`, or `./faregate.yaml`). The environment wins",
        "over the file: `providers.openai.api_key` is `FAREGATE_PROVIDERS__OPENAI__API_KEY`; a `-` in a name is `_`.",
        "`${NAME}` in the file must be set, `${NAME:-}` may be empty. `faregate config check` reads everything and",
        "starts nothing.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{row.name}` | {f'`{row.default}`' if row.default else ''} | {row.help} |" for row in rows()]
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """Return the page of metrics."""
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` of the operator listener, in Prometheus' text format. Labels are bounded: they never name a",
        "tenant, a raw path or a model. The ledger is the record; these are its shadow. The process's own",
        "`process_*` metrics (memory, CPU, file descriptors, start time) are there too.",
        "",
        "[What each of them means at 3 a.m.](../operating/metrics.md), [the alerts](../operating/alerts.md).",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    rows = []
    for metric in vars(Metrics()).values():
        if isinstance(metric, (Tally, Spread, Dial)):
            name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
            rows.append((name, metric.kind, metric.labels, metric.text))
    for name, kind, labels, text in sorted(rows):
        lines.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |")
    return "\n".join(lines) + "\n"


def operator_api() -> str:
    """Return the page of the operator API, from its OpenAPI document."""
    document = openapi(ROUTES)
    lines = [
        "# The operator API",
        "",
        *_wrapped(
            f"Below `{PREFIX}` of the operator listener (`operator_listen`), with `Authorization: Bearer ADMIN_TOKEN`. "
            "As an OpenAPI 3.1 document: [operator-api.json](operator-api.json), and `GET /admin/v1/openapi.json` of a "
            "server. The commands of `faregate` are clients of it, and print with `--json` what it answers."
        ),
        *_wrapped(document["info"]["description"]),
        'An error is `{"error": {"code", "message"}}` with a status of 400 or above; the message names the remedy.',
        "",
    ]
    shapes = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += [f"## {method.upper()} `{path}`", "", *_operation(operation, shapes)]
    lines += ["## Answers", ""]
    for name, shape in shapes.items():
        # Requests are told with their routes, enumerations where they are used.
        if "properties" in shape and shape.get("additionalProperties") is not False:
            lines += [f"### {name}", "", *_wrapped(shape.get("description", "")), "| field | kind |", "|---|---|"]
            lines += [f"| `{field}` | {_kind(kind, shapes)} |" for field, kind in shape["properties"].items()]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _operation(operation: Part, shapes: Part) -> list[str]:
    """Return what a route does, what it asks for and what it answers."""
    lines = _wrapped(f"{operation['summary']}.")
    if "description" in operation:
        lines += _wrapped(operation["description"])
    asked = [(each["name"], each["schema"], each["required"]) for each in operation.get("parameters", ())]
    if "requestBody" in operation:
        shape = shapes[_shape(operation["requestBody"]["content"][JSON]["schema"])]
        lines += _wrapped(shape["description"])
        asked += [(f"body.{n}", each, n in shape.get("required", ())) for n, each in shape["properties"].items()]
    if asked:
        lines += ["| asked | kind | default |", "|---|---|---|"]
        lines += [f"| `{n}` | {_kind(each, shapes)} | {_default(each, needed)} |" for n, each, needed in asked]
        lines.append("")
    status, answer = next((s, a) for s, a in operation["responses"].items() if s != "default")
    kinds = [
        _kind(content["schema"], shapes) if kind == JSON else f"`{kind}`" for kind, content in answer["content"].items()
    ]
    return [*lines, f"Answers {status}: {' or '.join(kinds)}.", ""]


def _kind(schema: Part, shapes: Part) -> str:
    """Write a schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each, shapes) for each in schema["anyOf"]))
    if "$ref" in schema:
        name = _shape(schema)
        enum = shapes[name].get("enum")
        return " or ".join(f"`{each}`" for each in enum) if enum else f"[{name}](#{name.lower()})"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema['items'], shapes)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_kind(schema['additionalProperties'], shapes)}"
    if schema.get("format") == "date-time":
        return "time"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _default(schema: Part, needed: bool) -> str:
    if needed:
        return "required"
    value = schema.get("default")
    return "" if value in (None, "", []) else f"`{json.dumps(value)}`"


def _shape(reference: Part) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[1]


def _wrapped(text: str) -> list[str]:
    return [*textwrap.wrap(" ".join(text.split()), 116, break_long_words=False, break_on_hyphens=False), ""]


def operator_api_json() -> str:
    """Return the OpenAPI document."""
    return json.dumps(openapi(ROUTES), indent=1, ensure_ascii=False) + "\n"


COMMON = ("--config", "--json", "--help")
"""Options that every command has: told once."""


def cli() -> str:
    """Return the page of commands."""
    lines = [
        "# Commands",
        "",
        *_wrapped(
            "`faregate` is a client of the [operator API](operator-api.md). It finds the server through "
            "`FAREGATE_OPERATOR_URL` and `FAREGATE_ADMIN_TOKEN`, else through the configuration file (`--config FILE`, "
            "`FAREGATE_CONFIG`, `./faregate.yaml`) and the token that the server keeps beside its database."
        ),
        *_wrapped(
            "Every command takes `--json`, which prints the one document that the API answers, `--config FILE` and "
            "`--help`. Errors are one line on standard error, with `--json` one JSON line. The exit code is 0 for "
            "done, 1 for failed, 2 for used wrongly. TENANT is an id, or a name that only one tenant has. A negative "
            "number needs no `--` before it."
        ),
    ]
    for words, command in _commands(faregate, "faregate"):
        lines += _command(words, command)
    return "\n".join(lines).rstrip() + "\n"


def _commands(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with the words that call it, in the order of the groups."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


def _command(words: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=words)
    usage = [each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)]
    lines = [f"## {words}", "", "```text", " ".join([words, *usage, "[OPTIONS]"]), "```", ""]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            lines += ["```text", *paragraph.splitlines()[1:], "```", ""]
        else:
            lines += _wrapped(paragraph)
    options = [each for each in command.params if isinstance(each, click.Option)]
    told = [each for each in options if each.opts[0] not in COMMON]
    if told:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| {_written(each, context)} | {each.help} |" for each in told]
        lines.append("")
    return lines


def _written(option: click.Option, context: click.Context) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    text = names if option.is_flag else f"{names} {option.make_metavar(context)}"
    return f"`{text.replace('|', chr(92) + '|')}`{', repeated' if option.multiple else ''}"


def house_map() -> str:
    """Return the map of the house: every folder's own words."""
    lines = [
        "# A map of the house",
        "",
        "Each folder opens with what it is and what it promises. Imports go down only.",
        "",
    ]
    for place in _folders():
        text = ast.get_docstring(ast.parse((place / "__init__.py").read_text())) or ""
        lines += [f"## `{place.relative_to(ROOT)}/`", "", *_indented(text), ""]
    return "\n".join(lines).rstrip() + "\n"


def _folders() -> Iterator[Path]:
    yield ROOT / "proxy"
    yield from sorted(path.parent for path in (ROOT / "proxy").glob("*/**/__init__.py"))


def _indented(text: str) -> list[str]:
    lines = text.splitlines()
    if not any(line.startswith("    ") for line in lines):
        return lines
    return ["```text", *lines, "```"]


def integrations() -> str:
    """Return the page of integrations: hosts, keys, routes and units of each, from the provider files."""
    catalogue = load_catalogue()
    lines = [
        "# Integrations",
        "",
        *_wrapped(
            "Every provider that Faregate knows, from `config/providers/*.yaml`, and every route that it forwards. "
            "What is not here is refused: 404 `unknown_endpoint`. Braces hold a parameter, or a choice of words. "
            "A Faregate key is taken as `Authorization: Bearer` everywhere, and where it says else. Units are what a "
            "call can be billed in if its model has a rate for them; free routes take a key, and no money."
        ),
        "[How to point an SDK at each](../using/sdks.md), [how to add one](../operating/adding-a-provider.md).",
        "",
    ]
    for name, provider in sorted(catalogue.providers.items()):
        hosts = ", ".join(f"`{host}`" for host in provider.hosts) or "none of its own: set `upstream`"
        keys = ", ".join(f"`{place}`" for place in provider.key_in)
        lines += [f"## {name}", "", f"Host: {hosts}. Key: {keys}.", "", "| route | model | units |", "|---|---|---|"]
        for endpoint in provider.endpoints:
            route = f"`{endpoint.method} {endpoint.template.text}`".replace("|", "\\|")
            lines.append(f"| {route} | {_model_at(endpoint)} | {_units(endpoint)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _model_at(endpoint: Endpoint) -> str:
    """Say where a request names its model."""
    where = endpoint.model
    if endpoint.free:
        return ""
    if where.path:
        return f"`{{{where.path}}}` of the path"
    named = f"`{where.body}`" if where.body else f"`{where.query}` of the query" if where.query else ""
    return f"{named}, else {where.fixed}" if named and where.fixed else named or f"{where.fixed} (fixed)"


def _units(endpoint: Endpoint) -> str:
    """Name what a route can be billed in."""
    if endpoint.free:
        return "free"
    units: dict[str, None] = {}
    if endpoint.reader is not None:
        units |= dict.fromkeys((*endpoint.reader.units, *endpoint.reader.counts))
    if endpoint.bound is not None:
        told = (*endpoint.bound.measures, *endpoint.bound.fees)
        units |= dict.fromkeys(each.unit for each in (*endpoint.bound.input, *told))
    return ", ".join(units)


PAGES = {
    "reference/refusals.md": refusals,
    "reference/settings.md": settings,
    "reference/metrics.md": metrics,
    "reference/cli.md": cli,
    "reference/integrations.md": integrations,
    "reference/operator-api.md": operator_api,
    "reference/operator-api.json": operator_api_json,
    "internals/map.md": house_map,
}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (ROOT / "docs" / name).write_text(page())


if __name__ == "__main__":
    main()
