"""Where the database lies: reads the setting `database`."""

from pathlib import Path

from proxy.errors import BadConfig

_SCHEME = "sqlite:///"
_REMEDY = "write it as sqlite:///var/faregate.db (relative) or sqlite:////var/lib/faregate.db (absolute)"


def database_path(url: str) -> Path:
    """Return the file that `sqlite:///relative` or `sqlite:////absolute` names. Raises BadConfig for others."""
    if url.startswith(("postgresql:", "postgres:")):
        raise BadConfig(f"database: {url.split(':')[0]} is not supported yet; {_REMEDY}")
    if not url.startswith(_SCHEME):
        raise BadConfig(f"database: {url!r} is not a SQLite URL; {_REMEDY}")
    name = url.removeprefix(_SCHEME)
    if not name or name.endswith("/") or ":memory:" in name:
        raise BadConfig(f"database: {url!r} names no file; {_REMEDY}")
    if "?" in name or "#" in name:
        raise BadConfig(f"database: {url!r} carries options, which are not supported; {_REMEDY}")
    return Path(name)
