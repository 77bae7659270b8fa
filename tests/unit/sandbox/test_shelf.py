from proxy.sandbox.shelf import Kept, Shelf


def test_objects_are_kept_by_kind_and_id() -> None:
    shelf = Shelf()
    shelf.put("file", "a", Kept(b"{}", content=b"x"))
    shelf.put("file", "b", Kept(b"[]"))
    assert shelf.get("file", "a") == Kept(b"{}", content=b"x")
    assert shelf.get("response", "a") is None
    assert [kept.json for kept in shelf.all("file")] == [b"[]", b"{}"]
    assert shelf.drop("file", "a")
    assert not shelf.drop("file", "a")
    assert shelf.get("file", "a") is None


def test_the_oldest_go_first() -> None:
    shelf = Shelf(objects_max=2, bytes_max=100)
    for name in "abc":
        shelf.put("file", name, Kept(b"{}"))
    assert [shelf.get("file", name) is None for name in "abc"] == [True, False, False]
    shelf.put("file", "d", Kept(b"{}", content=b"x" * 98))
    assert [shelf.get("file", name) is None for name in "bcd"] == [True, True, False]
    shelf.put("file", "e", Kept(b"{}", views={"v": b"y" * 200}))
    assert shelf.get("file", "e") is not None
    assert shelf.get("file", "d") is None


def test_putting_again_replaces() -> None:
    shelf = Shelf(bytes_max=100)
    for _ in range(50):
        shelf.put("file", "a", Kept(b"x" * 40))
    shelf.put("file", "b", Kept(b"x" * 40))
    assert len(shelf.all("file")) == 2
