"""Decimal numbers as arguments: checked here, sent as they were written. Negative ones need no `--`."""

from collections.abc import Callable

import click


def usd(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return an amount in USD of up to nine decimal places. Raises BadParameter."""
    from proxy.money import parse_usd

    return _checked(parse_usd, ctx, parameter, value)


def pct(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return a percentage. Raises BadParameter."""
    from proxy.money import parse_decimal

    return _checked(parse_decimal, ctx, parameter, value)


def _checked(read: Callable[[str], object], ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        read(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from None
    return value
