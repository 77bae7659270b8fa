"""That a route takes many requests as one: in its body, in a file that it names, or as a file that is uploaded."""

from collections.abc import Mapping

from msgspec import Struct

from proxy.bounds.spec import BoundSpec


class Many(Struct, frozen=True):
    """Where the requests are. One of `list`, `file` and `upload` is set.

    `list`: a path to them in the body, `request` the path in each to what would be sent by itself, `model` the path in
    that (none: the route's own), `bound` what bounds it. `file`: a path to the id of a file that was uploaded here.
    `upload`: the field of a form that is such a file, one JSON object a line, if the form's other fields are as `where`
    says; `url` is the path in a line to the route that the `request` in it is for. A list may have a `url`, too: the
    path in the body to the route that all its requests are for, or (with a slash) that route itself; those that name no
    model are for the one at `shared_model`. `urls` are the routes that may be meant, each by what it is called there;
    empty for all. `tiers` price them.
    """

    list: str = ""
    request: str = ""
    model: str = ""
    bound: BoundSpec | None = None
    file: str = ""
    upload: str = ""
    where: Mapping[str, str] = {}
    url: str = ""
    urls: Mapping[str, str] = {}
    shared_model: str = ""
    tiers: tuple[str, ...] = ("batch",)
