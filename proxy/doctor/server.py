"""The server that runs on these books, asked over its operator API."""

from proxy.doctor.finding import Finding, failed, ok, skipped, warning
from proxy.doctor.local import ask
from proxy.loading.settings import Settings


def health(settings: Settings, holder: str) -> Finding:
    """Look at a running server: does it answer, is it ready, does it take our token?"""
    name, at = "running server", settings.operator_listen
    if not holder:
        return skipped(name, "none has the database")
    try:
        ready = ask(at, "/readyz")
        listed = ask(at, "/admin/v1/margins", token_of(settings))
    except OSError as error:
        text = f"{holder} has the database, but no operator API answers at {at} ({error.strerror or error})"
        return failed(name, text, "it may listen elsewhere: set operator_listen as it was started; or restart it")
    if ready.status != 200:
        told = ready.document if isinstance(ready.document, dict) else {}
        text = f"{holder} is {told.get('status', 'not ready')}: {told.get('reason', f'status {ready.status}')}"
        return warning(name, text, "wait for it; its log says what it does")
    if listed.status != 200:
        text = f"{holder} is ready, but does not take our admin token (status {listed.status})"
        return failed(name, text, "set FAREGATE_ADMIN_TOKEN to the one that it was started with")
    return ok(name, f"{holder} is ready and takes our admin token")


def token_of(settings: Settings) -> str:
    """Return the operator's token: the one that is set, else the one beside the database; empty if there is none."""
    if settings.admin_token:
        return str(settings.admin_token)
    try:
        return settings.database.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
