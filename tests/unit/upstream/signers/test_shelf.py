"""Signers are made once for each set of credentials, whatever is reloaded."""

from doubles.acme import HandClock

from proxy.providers.signing import Credentials, Signing
from proxy.upstream.signers.shelf import Signers

ONE = Signing("acme", "sigv4", "here-1", Credentials("AKID", "secret"))
OTHER = Signing("acme", "sigv4", "here-2", Credentials("AKID", "secret"))


async def test_signers_are_kept() -> None:
    signers = Signers(HandClock())
    made = await signers.prepare([ONE, None])
    assert set(made) == {ONE}
    first = made[ONE]
    again = await signers.prepare([OTHER, ONE, ONE])
    assert again[ONE] is first
    assert again[OTHER] is not first
    await signers.close()
