import json
from typing import Any

import pytest

from proxy.bounds.media import NOTHING, Seen, file_id, media
from proxy.bounds.search import Search
from proxy.bounds.spec import BoundSpec, InputUnit, Kind, Media

IMAGE = Kind(by="item", tokens=1000, models={"tiny-*": 48})
KINDS = (
    Kind(by="item", mime="image/*", tokens=1000, unit="image"),
    Kind(by="second", mime="audio/*", tokens=32, bytes_per=100, unit="audio"),
    Kind(by="page", mime="application/pdf", tokens=50, bytes_per=10, most=4),
    Kind(by="byte", mime="text/*"),
)
SPEC = BoundSpec(
    input=(InputUnit("input_tokens"),),
    media=(
        Media("messages.*.content.*", (IMAGE,), {"type": "image_url"}, data=("image_url.url",)),
        Media("parts.*", (Kind(by="window"),), {"fps": None}, data=("inline.data",)),
        Media("parts.*", KINDS, data=("inline.data",), mime="inline.mime"),
        Media("parts.*", KINDS, id=("file.uri",), id_from="files/", mime="file.mime"),
        Media("uploads.*", (Kind(by="window"),), id=("file_id",)),
        Media("", (Kind(by="item", tokens=7),), data=("images.*",)),
    ),
)


def look(body: Any, model: str = "large", known: dict[str, int | None] | None = None) -> Seen:
    return media(body, Search(json.dumps(body).encode()), SPEC, model, known or {})


def image(url: str, kind: str = "image_url") -> dict[str, Any]:
    return {"messages": [{"content": [{"type": kind, "image_url": {"url": url}}]}]}


def inline(mime: str, data: str, **more: Any) -> dict[str, Any]:
    return {"parts": [{"inline": {"mime": mime, "data": data}, **more}]}


def test_a_body_without_media_is_not_walked() -> None:
    class Loud(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise AssertionError("walked")

    assert media(Loud(messages=[]), Search(b'{"messages": []}'), SPEC, "large", {}) is NOTHING


def test_base64_is_not_text_and_an_image_is_an_item() -> None:
    assert look(image("data:image/png;base64,AAAABBBB")) == Seen({None: 1000}, 0, 8)
    assert look(image("DATA:image/png;BASE64,AAAABBBB")) == Seen({None: 1000}, 0, 8)
    assert look(image("data:image/png;base64,AAAA"), "tiny-1") == Seen({None: 48}, 0, 4)


@pytest.mark.parametrize("url", ["https://host/a.png", "gs://bucket/a.png", "data:text/plain,a long text that is read"])
def test_what_is_no_base64_stays_text(url: str) -> None:
    assert look(image(url)) == Seen({None: 1000}, 0, 0)


def test_only_the_place_and_the_type_make_it_a_medium() -> None:
    assert look(image("data:image/png;base64,AAAA", kind="text")).embedded == 0
    elsewhere = {"tools": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}
    assert look(elsewhere) == Seen({}, 0, 0)


def test_an_escaped_key_is_seen() -> None:
    raw = b'{"parts": [{"inline": {"mime": "audio/wav", "dat\\u0061": "AAAA"}}]}'
    assert media(json.loads(raw), Search(raw), SPEC, "large", {}) == Seen({"audio": 32}, 0, 4)


@pytest.mark.parametrize(
    ("mime", "characters", "seen"),
    [
        ("image/webp", 400, Seen({"image": 1000}, 0, 400)),
        ("audio/mp3", 400, Seen({"audio": 96}, 0, 400)),  # 300 bytes, three seconds
        ("AUDIO/MP3", 404, Seen({"audio": 128}, 0, 404)),  # 303 bytes, a fourth second has begun
        ("application/pdf", 40, Seen({None: 150}, 0, 40)),  # 30 bytes, three pages
        ("application/pdf", 400, Seen({None: 300}, 0, 400)),  # 300 bytes count more than four pages
        ("text/csv", 400, Seen({None: 300}, 0, 400)),
        ("application/zip", 400, Seen({}, 1, 400)),
        ("", 400, Seen({}, 1, 400)),
    ],
)
def test_kinds(mime: str, characters: int, seen: Seen) -> None:
    assert look(inline(mime, "A" * characters)) == seen


def test_each_of_a_list_of_pictures_counts() -> None:
    assert look({"images": ["data:image/png;base64,AAAA", "BBBB", "", 5]}) == Seen({None: 14}, 0, 8)


def test_a_part_counts_once_by_the_first_rule() -> None:
    assert look(inline("video/mp4", "AAAA", fps=24)) == Seen({}, 1, 4)


def test_files_by_what_is_known_of_them() -> None:
    body = {"uploads": [{"file_id": "a"}, {"file_id": "b"}, {"file_id": 7}]}
    assert look(body, known={"a": 500, "b": None}) == Seen({None: 500}, 2, 0)
    uri = {"parts": [{"file": {"uri": "https://host/v1/files/abc", "mime": "text/plain"}}]}
    assert look(uri, known={"files/abc": 9}) == Seen({None: 9}, 0, 0)
    picture = {"parts": [{"file": {"uri": "https://video.example/watch", "mime": "image/png"}}]}
    assert look(picture) == Seen({"image": 1000}, 0, 0)


def test_file_id() -> None:
    plain, uri = SPEC.media[4], SPEC.media[3]
    assert file_id(plain, "file-1") == "file-1"
    assert file_id(plain, "") is None
    assert file_id(plain, 5) is None
    assert file_id(uri, "https://host/v1beta/files/x1") == "files/x1"
    assert file_id(uri, "https://video.example/watch?v=1") is None
