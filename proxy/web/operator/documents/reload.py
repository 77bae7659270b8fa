"""What a reload has done, as the operator API and the command line tell it."""

from msgspec import Struct


class ReloadDocument(Struct, frozen=True):
    """What is in force for calls that begin from now on, and what of it is new.

    `settings_changed` are names of settings, `providers_changed` and `rates_changed` integrations whose files differ.
    `needs_restart` are settings whose new value waits for the next start.
    """

    rate_card: str
    previous_rate_card: str
    integrations: tuple[str, ...]
    settings_changed: tuple[str, ...]
    providers_changed: tuple[str, ...]
    rates_changed: tuple[str, ...]
    needs_restart: tuple[str, ...]
    warnings: tuple[str, ...]
