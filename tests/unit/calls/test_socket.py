from proxy.calls.socket import REASON_BYTES_MAX, short


def test_a_reason_that_fits_stays_as_it_is() -> None:
    assert short("balance_exhausted: top up") == b"balance_exhausted: top up"
    assert short("x" * REASON_BYTES_MAX) == b"x" * REASON_BYTES_MAX


def test_a_longer_one_is_cut_between_characters() -> None:
    cut = short("é" * 100)
    assert len(cut) <= REASON_BYTES_MAX
    assert cut.decode() == "é" * 60 + "…"
