"""Entries: the canonical bytes are fixed for ever, and every field is under the hash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proxy.ledger.entry import Entry, Kind, canonical, digest, seal

ENTRY = Entry("led_1", "tnt_1", 2, "call", -5, 0, 95, 1_795_248_000_000_000, "2026-11-21", "call_1", '{"ü":1}', "ab")


def test_the_canonical_form_is_one_netstring_a_field() -> None:
    assert canonical(ENTRY) == (
        b"5:led_15:tnt_11:24:call2:-51:02:9516:179524800000000010:2026-11-216:call_1"
        b'8:{"\xc3\xbc":1}2:ab'
    )  # fmt: skip


def test_the_digest_never_changes() -> None:
    assert digest(ENTRY) == "0f9abbc059ef636b0d4c82ce654819fb638c3c5baabe86b954ec7ab1b5bae80b"


def test_sealing_adds_the_hash_and_nothing_else() -> None:
    sealed = seal(ENTRY)
    assert sealed.hash == digest(ENTRY) == digest(sealed)
    assert structs.replace(sealed, hash="") == ENTRY


@pytest.mark.parametrize("field", [name for name in Entry.__struct_fields__ if name != "hash"])
def test_every_field_is_under_the_hash(field: str) -> None:
    value = getattr(ENTRY, field)
    other = value + 1 if isinstance(value, int) else value + "x"
    assert digest(structs.replace(ENTRY, **{field: other})) != digest(ENTRY)


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_no_two_entries_share_their_bytes(one: str, two: str, three: str, four: str) -> None:
    """What moves from one field to the next moves in the bytes."""
    first = structs.replace(ENTRY, reference=one, bill=two)
    second = structs.replace(ENTRY, reference=three, bill=four)
    assert (canonical(first) == canonical(second)) == ((one, two) == (three, four))


def test_kinds_are_what_the_reference_lists() -> None:
    assert [kind.value for kind in Kind] == ["call", "credit", "adjustment", "refund", "dispute", "rerate"]
