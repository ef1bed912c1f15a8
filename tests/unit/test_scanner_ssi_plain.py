"""SSI packets among plain bytes, as vendors print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanner.ssi_plain import PacketFilter
from support.cutting import cut

EAN13 = bytes.fromhex("12 F3 00 00 0B 36 39 30 31 32 33 34 35 36 37 38 39 32 FC 42")
EAN8 = bytes.fromhex("0D F3 00 00 0C 31 32 33 34 35 36 37 30")
EAN8 += (-sum(EAN8) & 0xFFFF).to_bytes(2, "big")
"""Its length is a carriage return."""


@pytest.mark.parametrize("packet", [EAN13, EAN8])
@pytest.mark.parametrize("at", range(14))
def test_a_packet_goes_however_it_is_cut(packet: bytes, at: int) -> None:
    """Only its length, where that came by itself, has come out before anybody could know."""
    packets = PacketFilter()
    first, early = packets.feed(b"A1\r" + packet[:at])
    second, late = packets.feed(packet[at:] + b"B2\r")
    assert (early, late) == (False, True)
    assert first + second == (b"A1\r" + packet[:1] + b"B2\r" if at else b"A1\rB2\r")


@pytest.mark.parametrize("near", [EAN13[:-1] + b"C", EAN13[1:], b"\x02" + EAN13[1:], EAN13[:9], b"\xf3\x00" * 9])
def test_what_is_no_packet_comes_out_as_it_came(near: bytes) -> None:
    """At the latest in a silence."""
    packets = PacketFilter()
    out, found = packets.feed(near)
    assert (out + packets.flush(), found, packets.pending) == (near, False, False)


def test_no_byte_of_a_plain_code_waits() -> None:
    """Also none that may be a packet's length."""
    assert PacketFilter().feed(b"6901234567892\r") == (b"6901234567892\r", False)


@given(
    st.lists(st.one_of(st.binary(max_size=9), st.sampled_from([EAN13, b"\x06\xf3\x00"]))), st.lists(st.integers(0, 80))
)
def test_nothing_but_packets_is_lost(parts: list[bytes], cuts: list[int]) -> None:
    """However it is cut."""
    data = b"".join(parts)
    whole, pieces = PacketFilter(), PacketFilter()
    left, _ = whole.feed(data)
    left += whole.flush()
    out = b"".join(pieces.feed(piece)[0] for piece in cut(data, cuts)) + pieces.flush()
    assert len(data) - len(left) in range(0, len(data) + 1, len(EAN13))
    assert out.replace(b"\x12", b"") == left.replace(b"\x12", b"")
