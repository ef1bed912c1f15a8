"""Bytes of readers of the 0xA0 family -> frames -> tag reads. Golden bytes were captured from readers and published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfid.errors import error_name
from drivers.rfid.r2000 import codec
from drivers.rfid.r2000.codec import Frame, ReaderParser
from drivers.rfid.tag import TagRead
from support.cutting import cut

TAG = bytes.fromhex("A0 13 01 89 8C 30 00 30 08 33 B2 DD D9 01 40 00 00 00 01 37 BB")
END = bytes.fromhex("A0 0A 01 89 00 00 11 00 00 00 05 B6")
NO_ANTENNA = bytes.fromhex("A0 04 01 89 22 B0")


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (TAG, TagRead("300833B2DDD9014000000001", "3000", -74, 1, 35)),
        (
            bytes.fromhex("A0 13 01 89 74 30 00 E2 00 40 74 85 0A 01 03 16 30 70 E1 36 29"),
            TagRead("E2004074850A0103163070E1", "3000", -75, 1, 29),
        ),
        (
            bytes.fromhex("A0 13 01 89 D4 30 00 E2 00 40 74 85 0A 01 03 16 90 67 DD 2F 7D"),
            TagRead("E2004074850A0103169067DD", "3000", -82, 1, 53),
        ),
        (
            bytes.fromhex("A0 13 01 89 04 30 00 E2 00 30 16 66 13 01 21 15 50 74 EF 45 BF"),
            TagRead("E200301666130121155074EF", "3000", -60, 1, 1),
        ),
        (
            bytes.fromhex("A0 13 01 89 14 34 00 11 22 33 44 55 66 77 88 99 00 AA BB 60 B9"),
            TagRead("11223344556677889900AABB", "3400", -33, 1, 5),
        ),
    ],
)
def test_captured_tags(raw: bytes, read: TagRead) -> None:
    """Frames of real-time inventories of three authors' readers: EPC, PC, strength, antenna, channel."""
    (frame,) = ReaderParser().feed(raw)
    assert (frame.address, frame.command, frame.ends, frame.code) == (1, codec.INVENTORY, False, None)
    assert codec.tag_read(frame.data) == read


def test_captured_ends() -> None:
    """The frame behind the last tag, and the one that says why there is none."""
    end, missing = ReaderParser().feed(END + NO_ANTENNA)
    assert end.ends
    assert (missing.ends, missing.code) == (False, codec.ANTENNA_MISSING)
    assert error_name(codec.ANTENNA_MISSING, codec.ERRORS) == "22 (antenna_missing_error)"
    assert error_name(0x99, codec.ERRORS) == "99 (unknown)"


def test_golden_questions() -> None:
    """Questions as they were captured: version, antenna 1 and 2, power 23 dBm, inventory."""
    assert codec.encode(1, codec.GET_VERSION) == bytes.fromhex("A0 03 01 72 EA")
    assert codec.encode(1, codec.SET_ANTENNA, b"\x00") == bytes.fromhex("A0 04 01 74 00 E7")
    assert codec.encode(1, codec.SET_ANTENNA, b"\x01") == bytes.fromhex("A0 04 01 74 01 E6")
    assert codec.encode(1, codec.SET_POWER, b"\x17") == bytes.fromhex("A0 04 01 76 17 CE")
    assert codec.encode(1, codec.INVENTORY, codec.ONCE) == bytes.fromhex("A0 04 01 89 01 D1")


def test_other_antennas_and_strengths() -> None:
    """Two bits of antenna; a strength that no receiver has is none; a PC that counts other words is no tag."""
    data = bytes.fromhex("8F 08 00 AB CD")
    assert codec.tag_read(data + b"\x37") == TagRead("ABCD", "0800", -74, 4, 35)
    assert codec.tag_read(data + b"\xb7") == TagRead("ABCD", "0800", None, 4, 35)
    assert codec.tag_read(bytes.fromhex("8F 10 00 AB CD 37")) is None
    for size in range(5):
        assert codec.tag_read(data[:size]) is None


PARTS = st.one_of(st.sampled_from([TAG, END, NO_ANTENNA, TAG[:9], b"\xa0", b"\xa0\xff"]), st.binary(max_size=30))


@given(st.lists(PARTS), st.lists(st.integers(0, 600)))
def test_any_chunking_gives_the_same_frames(parts: list[bytes], cuts: list[int]) -> None:
    """Arbitrary bytes never raise, and where the reads are cut does not matter."""
    data = b"".join(parts)
    whole, pieces = ReaderParser(), ReaderParser()
    expected = whole.feed(data) + whole.flush()
    assert [f for piece in cut(data, cuts) for f in pieces.feed(piece)] + pieces.flush() == expected
    assert pieces.dropped == whole.dropped
    for frame in expected:
        codec.tag_read(frame.data)


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=200))
def test_what_is_said_is_heard(address: int, command: int, data: bytes) -> None:
    """Questions and answers have one form."""
    assert ReaderParser().feed(codec.encode(address, command, data)) == [Frame(address, command, data)]
