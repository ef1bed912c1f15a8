"""Symbols that come in several SSI packets."""

from drivers.scanner.ssi import DECODE_DATA, STATUS_CONTINUED, STATUS_RETRANSMIT, Packet
from drivers.scanner.ssi_long import AGAIN_US, NEXT_US, LongSymbol


def part(text: bytes, status: int = STATUS_CONTINUED) -> Packet:
    return Packet(DECODE_DATA, status, b"\x0b" + text)


def test_put_together() -> None:
    """Each packet's text behind the one before, under one bar code type; also where two are equal."""
    long = LongSymbol(part(b"abc"), 100)
    for status, whole in ((2, b"abc"), (2, b"abcabc"), (3, b"abcabcabc"), (0, b"abcabcabcabc")):
        assert long.with_(part(b"abc", status), 0) == b"\x0b" + whole
        long.acknowledged()


def test_what_is_not_acknowledged_comes_again_and_counts_once() -> None:
    """The store was full."""
    long = LongSymbol(part(b"abc"), 100)
    long.with_(part(b"abc"), 0)
    long.acknowledged()
    for status in (0, STATUS_RETRANSMIT, STATUS_RETRANSMIT):
        assert long.with_(part(b"d", status), 0) == b"\x0babcd"


def test_too_long_is_nothing_to_its_end() -> None:
    """Its end is no symbol of its own."""
    long = LongSymbol(part(b"abc"), 5)
    for n, one in enumerate((part(b"abc"), part(b"abd"), part(b"e", 0))):
        assert bool(long.with_(one, n)) == (n == 0)
        long.acknowledged()


def test_what_belongs_to_another_symbol() -> None:
    """Another bar code type, or later: a packet that is not repeated comes at once."""
    long = LongSymbol(part(b"abc"), 100)
    long.with_(part(b"abc"), 10)
    long.acknowledged()
    assert long.goes_on(part(b"x"), 10 + NEXT_US - 1)
    assert not long.goes_on(part(b"x"), 10 + NEXT_US)
    assert long.may_be(part(b"x"), 10 + NEXT_US)
    assert long.goes_on(part(b"x", STATUS_RETRANSMIT), 10 + AGAIN_US - 1)
    assert not long.goes_on(part(b"x", STATUS_RETRANSMIT), 10 + AGAIN_US)
    assert not long.goes_on(Packet(DECODE_DATA, 0, b"\x0cx"), 11)


def test_one_that_the_store_refused_goes_on_however_late() -> None:
    """It was never acknowledged."""
    long = LongSymbol(part(b"abc"), 100)
    long.with_(part(b"d", 0), 10)
    assert long.goes_on(part(b"d", STATUS_RETRANSMIT), 10 + 3 * AGAIN_US)
