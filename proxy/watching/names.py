"""What integrations and endpoints are called outside."""

from collections.abc import Mapping

from msgspec import Struct


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """Our names to those of OpenTelemetry's conventions; one that is not there stands for itself."""

    providers: Mapping[str, str]
    operations: Mapping[str, str]
