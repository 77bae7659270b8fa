"""The one thing of the door that runs: how a failure is told."""

from proxy.errors import FaregateError
from proxy.upstream.door import Failure, UpstreamFailed


def test_a_failure_says_what_happened_and_whether_the_provider_can_know_of_the_call() -> None:
    failed = UpstreamFailed(Failure.UNREACHABLE, sent=False)
    assert (failed.failure, failed.sent, str(failed)) == (Failure.UNREACHABLE, False, "unreachable")
    assert isinstance(failed, FaregateError)
