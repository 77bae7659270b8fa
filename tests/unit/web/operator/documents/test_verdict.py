from proxy.store.doors import Fault, Verdict
from proxy.web.operator.documents.verdict import verdict_document


def test_a_verdict_lists_its_faults() -> None:
    verdict = Verdict(ok=False, wallets=1, entries=2, open_holds=0, faults=(Fault("t", "e", "wrong"),))
    shown = verdict_document(verdict)
    assert (shown.ok, shown.faults) == (False, (Fault("t", "e", "wrong"),))
