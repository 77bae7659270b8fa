"""The server itself: have it read its files anew."""

from proxy.errors import BadConfig, BadRequest
from proxy.web.operator.documents.reload import ReloadDocument
from proxy.web.operator.doors import Visit


async def reload(visit: Visit) -> ReloadDocument:
    """Read configuration, providers and rates anew, for calls that begin from now on.

    If anything is wrong with any file, nothing changes and the error says what. Calls under way keep what they began
    with.
    """
    try:
        return await visit.doors.reload(visit.by)
    except BadConfig as bad:
        more = len(bad.problems) - 1
        rest = f" (and {more} more: `faregate config check` tells all)" if more else ""
        raise BadRequest(f"nothing was reloaded: {bad}{rest}", code="bad_config", status=409) from None
