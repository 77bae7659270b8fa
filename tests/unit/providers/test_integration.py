"""Finding the endpoint of a method and path, or the methods that the path would take."""

from doubles.acme import make_endpoint, make_integration

LIST = make_endpoint("/v1/files", name="files", method="GET")
CREATE = make_endpoint("/v1/files", name="files/create", method="POST")
GET = make_endpoint("/v1/files/{file_id}", name="files/get", method="GET")
DELETE = make_endpoint("/v1/files/{file_id}", name="files/delete", method="DELETE")
SEARCH = make_endpoint("/v1/files/search", name="files/search", method="POST")
ACME = make_integration(LIST, CREATE, GET, DELETE, SEARCH)


def test_finds_by_method_and_path() -> None:
    assert ACME.find("GET", "/v1/files") == (LIST, {})
    assert ACME.find("POST", "/v1/files") == (CREATE, {})
    assert ACME.find("DELETE", "/v1/files/f-1") == (DELETE, {"file_id": "f-1"})


def test_a_plain_path_comes_before_a_pattern() -> None:
    assert ACME.find("POST", "/v1/files/search") == (SEARCH, {})


def test_a_pattern_still_serves_another_method_of_a_plain_path() -> None:
    assert ACME.find("GET", "/v1/files/search") == (GET, {"file_id": "search"})


def test_tells_the_methods_that_a_path_takes() -> None:
    assert sorted(ACME.find("PUT", "/v1/files")) == ["GET", "POST"]
    assert sorted(ACME.find("POST", "/v1/files/f-1")) == ["DELETE", "GET"]
    assert sorted(ACME.find("PUT", "/v1/files/search")) == ["DELETE", "GET", "POST"]


def test_nothing_for_a_path_that_nobody_lists() -> None:
    for path in ("/v1/file", "/v1/files/", "/v1/files/a/b", "", "/"):
        assert ACME.find("GET", path) == []


def test_methods_compare_with_case() -> None:
    assert ACME.find("get", "/v1/files") == ["GET", "POST"]
