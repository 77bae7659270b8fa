from doubles.books import NOW, make_key, make_tenant
from msgspec import structs

from proxy.web.operator.documents.keys import key_document, new_key_document, rotated_key_document

KEY = structs.replace(make_key(make_tenant()), expires_at=None, revoked_at=0, models=("m",))


def test_a_key_is_shown_without_its_secret() -> None:
    shown = structs.asdict(key_document(KEY, NOW))
    assert "key" not in shown
    assert (shown["state"], shown["revoked_at"]) == ("revoked", "1970-01-01T00:00:00.000000Z")
    assert (shown["expires_at"], shown["last_used_at"], shown["replaced_by"]) == (None, None, None)
    assert shown["models"] == ("m",)


def test_but_once_with_it() -> None:
    assert new_key_document(KEY, "fg-1").key == "fg-1"
    old = structs.replace(KEY, id="key_old", expires_at=0)
    rotated = rotated_key_document(KEY, "fg-2", old)
    assert (rotated.key, rotated.replaces, rotated.id) == ("fg-2", "key_old", KEY.id)
    assert rotated.replaced_key_ends_at == "1970-01-01T00:00:00.000000Z"
