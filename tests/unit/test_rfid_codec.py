"""Bytes of an M100/R200 module -> tag reads -> windows."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.common.checksum import gen2_crc16
from drivers.rfid.errors import error_name
from drivers.rfid.m100 import codec
from drivers.rfid.m100.codec import (
    FRAMINGS,
    MODULE_INFO,
    MODULE_INFO_HARDWARE,
    MULTI_INVENTORY,
    Frame,
    ModuleParser,
    encode,
    tag_read,
)
from drivers.rfid.session import Session
from drivers.rfid.tag import TagRead
from drivers.rfid.window import Windows
from model.time import Stamp, TimeQuality
from support.cutting import cut
from support.damage import one_damage

BB, AA = FRAMINGS["bb"], FRAMINGS["aa"]
TAG_BB = bytes.fromhex("BB 02 22 00 11 C9 34 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 3A 76 EF 7E")
TAG_AA = bytes.fromhex("AA 02 22 00 11 C7 30 00 E2 80 68 90 00 00 50 0E 88 C6 A4 A7 11 9B 29 DD")
NO_TAG = bytes.fromhex("BB 01 FF 00 01 15 16 7E")

# read by other people's modules, published with their programs
CAPTURES = [
    (BB, TAG_BB, TagRead("30751FEB705C5904E3D50D70", "3400", -55)),
    (AA, TAG_AA, TagRead("E28068900000500E88C6A4A7", "3000", -57)),
    (
        BB,
        bytes.fromhex("BB 02 22 00 11 D6 34 00 E2 80 11 70 40 00 02 1D 35 AE 40 08 D4 44 C4 7E"),
        TagRead("E28011704000021D35AE4008", "3400", -42),
    ),
    (
        BB,
        bytes.fromhex("BB 02 22 00 11 C4 30 00 E2 00 00 1D 73 15 01 65 21 40 8F C6 B8 3E C2 7E"),
        TagRead("E200001D7315016521408FC6", "3000", -60),
    ),
    (
        BB,
        bytes.fromhex("BB 02 22 00 11 CB 34 00 E2 00 47 1B B0 00 60 13 04 45 09 D0 95 82 D4 7E"),
        TagRead("E200471BB0006013044509D0", "3400", -53),
    ),
]


def frame_of(kind: int, command: int, params: bytes, header: int = 0xBB, end: int = 0x7E) -> bytes:
    """A frame by the manual's words, not by our codec."""
    body = bytes((kind, command, len(params) >> 8, len(params) & 0xFF)) + params
    return bytes((header,)) + body + bytes((sum(body) % 256, end))


@pytest.mark.parametrize(("framing", "raw", "read"), CAPTURES)
def test_captured_tags(framing: Any, raw: bytes, read: TagRead) -> None:
    """Tags captured from real modules, in both framings, with checksum and the tag's own CRC."""
    parser = ModuleParser(framing)
    (frame,) = parser.feed(raw)
    assert (frame.type, frame.command) == (2, 0x22)
    assert tag_read(frame.params) == read
    assert not parser.dropped


def test_captured_module_info() -> None:
    """What a real module answers to 03."""
    parser = ModuleParser(BB)
    hardware = bytes.fromhex("BB 01 03 00 10 00 4D 31 30 30 20 32 36 64 42 6D 20 56 31 2E 30 92 7E")
    software = bytes.fromhex("BB 01 03 00 07 01 56 32 2E 33 2E 31 54 7E")
    assert parser.feed(hardware + software) == [
        Frame(1, MODULE_INFO, b"\x00M100 26dBm V1.0"),
        Frame(1, MODULE_INFO, b"\x01V2.3.1"),
    ]


def test_golden_commands() -> None:
    """The manual's frames: multi inventory of 10000 rounds, module info."""
    assert encode(BB, MULTI_INVENTORY, b"\x22\x27\x10") == bytes.fromhex("BB 00 27 00 03 22 27 10 83 7E")
    assert encode(BB, MODULE_INFO, MODULE_INFO_HARDWARE) == bytes.fromhex("BB 00 03 00 01 00 04 7E")
    assert encode(AA, MODULE_INFO, MODULE_INFO_HARDWARE) == bytes.fromhex("AA 00 03 00 01 00 04 DD")


def test_golden_settings_and_banks() -> None:
    """The manual's frames: select an EPC, read two words of the user bank, write them, power 20 dBm, Query with Q 4."""
    epc = bytes.fromhex("30751FEB705C5904E3D50D70")
    password = bytes.fromhex("0000FFFF")
    assert encode(BB, codec.SET_SELECT, codec.select(1, 32, epc)) == bytes.fromhex(
        "BB 00 0C 00 13 01 00 00 00 20 60 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 AD 7E"
    )
    assert encode(BB, codec.SELECT_MODE, codec.SELECT_NEVER) == bytes.fromhex("BB 00 12 00 01 01 14 7E")
    assert encode(BB, codec.READ, codec.access(bytes(4), 3, 0, 2)) == bytes.fromhex(
        "BB 00 39 00 09 00 00 00 00 03 00 00 00 02 47 7E"
    )
    assert encode(BB, codec.WRITE, codec.access(password, 3, 0, 2) + b"\x12\x34\x56\x78") == bytes.fromhex(
        "BB 00 49 00 0D 00 00 FF FF 03 00 00 00 02 12 34 56 78 6D 7E"
    )
    assert encode(BB, codec.SET_POWER, (2000).to_bytes(2, "big")) == bytes.fromhex("BB 00 B6 00 02 07 D0 8F 7E")
    assert encode(BB, codec.SET_QUERY, codec.query(b"\x10\x00", 4, "S0", "A")) == bytes.fromhex(
        "BB 00 0E 00 02 10 20 40 7E"
    )
    assert encode(BB, codec.STOP_INVENTORY) == bytes.fromhex("BB 00 28 00 00 28 7E")


def test_golden_answers_of_a_tag() -> None:
    """The manual's answers to read and write name the tag that answered."""
    read = bytes.fromhex("BB 01 39 00 13 0E 34 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 12 34 56 78 B0 7E")
    written = bytes.fromhex("BB 01 49 00 10 0E 34 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 00 A9 7E")
    one, two = ModuleParser(BB).feed(read + written)
    assert codec.accessed(one.params) == ("30751FEB705C5904E3D50D70", b"\x12\x34\x56\x78")
    assert codec.accessed(two.params) == ("30751FEB705C5904E3D50D70", b"\x00")
    for size in range(15):
        assert codec.accessed(one.params[:size]) is None


@given(st.binary(min_size=2, max_size=2), st.integers(0, 15), st.sampled_from(get_args(Session)), st.sampled_from("AB"))
def test_query_changes_only_what_is_given(known: bytes, q: int, session: Session, target: str) -> None:
    """`DR(1) M(2) TRext(1) Sel(2) Session(2) Target(1) Q(4)` and three bits: the others stay."""
    assert codec.query(known, None, None, None) == known
    bits = f"{int.from_bytes(codec.query(known, q, session, target), 'big'):016b}"
    was = f"{int.from_bytes(known, 'big'):016b}"
    assert (bits[6:8], bits[8], bits[9:13]) == (f"{int(session[1]):02b}", "01"[target == "B"], f"{q:04b}")
    assert (bits[:6], bits[13:]) == (was[:6], was[13:])


def test_errors_by_name() -> None:
    """As the manual has them; of A0|x to D0|x the low half is the tag's own."""
    assert error_name(0x20, codec.ERRORS) == "20 (FHSS fail)"
    assert error_name(0xA3, codec.ERRORS) == "A3 (tag)"
    assert error_name(0x77, codec.ERRORS) == "77 (unknown)"
    assert [codec.tag_error(code) for code in (0xA3, 0xB4, 0xCB, 0xDF, 0x15, 0xE0)] == [3, 4, 11, 15, None, None]


def test_empty_field() -> None:
    """Error 15 is a frame like others."""
    assert ModuleParser(BB).feed(NO_TAG) == [Frame(1, 0xFF, b"\x15")]


def test_end_byte_inside_data() -> None:
    """7E, DD, BB and AA may stand in an EPC: frames are cut by their length."""
    from binascii import crc_hqx

    pc_epc = bytes.fromhex("3000 7E7EDDDDBBBBAAAA7EDDBBAA".replace(" ", ""))
    params = b"\xc9" + pc_epc + (crc_hqx(pc_epc, 0xFFFF) ^ 0xFFFF).to_bytes(2, "big")
    for framing in (BB, AA):
        (frame,) = ModuleParser(framing).feed(frame_of(2, 0x22, params, *framing))
        assert tag_read(frame.params) == TagRead("7E7EDDDDBBBBAAAA7EDDBBAA", "3000", -55)


@pytest.mark.parametrize("bit", range(17 * 8))
def test_no_flipped_bit_passes(bit: int) -> None:
    """A bit flipped anywhere in PC, EPC or CRC: the tag's own CRC does not hold, even where the frame's sum does."""
    params = bytearray(TAG_BB[5:-2])
    params[bit // 8] ^= 1 << bit % 8
    assert (tag_read(bytes(params)) is None) == (bit >= 8)  # the first byte is the RSSI, which no CRC covers


def test_short_notifications_are_no_tags() -> None:
    """Whatever is too short to be a tag is none."""
    for size in range(17):
        assert tag_read(TAG_BB[5 : 5 + size]) is None


def test_damage_between_good_frames() -> None:
    """A wrong checksum, a stray byte and a wrong length cost themselves alone, half a frame the one behind it too: its
    length says that it might be inside. All are counted; what is held back comes with enough sound frames, or a silence.
    """
    wrong_sum, huge, half = TAG_BB[:-2] + b"\x00\x7e", b"\xbb\x02\x22\xff\xff", TAG_BB[:11]
    for damage, lost in ((wrong_sum, 0), (b"\x00", 0), (huge, 0), (half, 1)):
        parser = ModuleParser(BB)
        assert len(parser.feed(TAG_BB + damage + 5 * TAG_BB) + parser.flush()) == 6 - lost
        assert len(parser.feed(damage + 9 * TAG_BB)) == 9 - lost
        assert parser.dropped == 2


def test_a_captured_tag_without_an_epc() -> None:
    """An unprogrammed tag is sound, and names nothing."""
    pc = b"\x00\x00"
    assert tag_read(b"\xc9" + pc + gen2_crc16(pc).to_bytes(2, "big")) is None


def notification(epc: bytes) -> bytes:
    pc_epc = (len(epc) // 2 << 11).to_bytes(2, "big") + epc
    return frame_of(2, 0x22, b"\xc9" + pc_epc + gen2_crc16(pc_epc).to_bytes(2, "big"))


INNER = notification(b"\xde\xad")


def test_nothing_comes_out_of_a_damaged_frame() -> None:
    """An EPC that is itself whole frames, with the CRC of a tag, is told by no damage of the frame that it stands in."""
    for damaged in one_damage(notification(2 * INNER), 8):
        parser = ModuleParser(BB)
        frames = parser.feed(damaged + 15 * TAG_BB) + parser.flush()
        assert Frame(2, 0x22, INNER[5:-2]) not in frames
        assert frames[-1] == Frame(2, 0x22, TAG_BB[5:-2])


PARTS = st.one_of(
    st.sampled_from([TAG_BB, TAG_AA, NO_TAG, TAG_BB[:9], b"\xbb\x02\x22\x00\xff", b"\xbb\xaa"]), st.binary(max_size=40)
)


@given(st.sampled_from([BB, AA]), st.lists(PARTS), st.lists(st.integers(0, 800)))
def test_any_chunking_gives_the_same_frames(framing: Any, parts: list[bytes], cuts: list[int]) -> None:
    """Arbitrary bytes never raise, and where the reads are cut does not matter."""
    data = b"".join(parts)
    whole, pieces = ModuleParser(framing), ModuleParser(framing)
    expected = whole.feed(data) + whole.flush()
    frames = [frame for piece in cut(data, cuts) for frame in pieces.feed(piece)] + pieces.flush()
    assert frames == expected
    assert pieces.dropped == whole.dropped
    for frame in frames:
        tag_read(frame.params)


def stamp(mono: int) -> Stamp:
    return Stamp("boot", 1_000_000_000 + mono, TimeQuality("unknown"), mono)


def test_a_visit_is_told_at_once_and_then_gathered() -> None:
    """First read at once; then first, peak and last RSSI, stamps and count per window, tag and antenna; silence ends the visit."""
    windows = Windows("gate", 1.0)
    arrived = windows.add(TagRead("E2", "0800", -60), stamp(0))
    assert arrived is not None
    assert (arrived.count, arrived.first, arrived.rssi_peak) == (1, stamp(0), -60)
    assert windows.add(TagRead("E2", "0800", -50), stamp(400_000)) is None
    assert windows.add(TagRead("E2", "0800", -55), stamp(900_000)) is None
    other = windows.add(TagRead("E2", "0800", -70, antenna=2), stamp(100_000))
    assert other is not None
    assert other.antenna == 2
    assert windows.next_due == 1_000_000
    assert windows.due(999_999) == []
    (window,) = windows.due(1_000_000)
    assert (window.count, window.first, window.last) == (2, stamp(400_000), stamp(900_000))
    assert (window.rssi_first, window.rssi_peak, window.rssi_last) == (-50, -50, -55)
    assert windows.due(1_100_000) == []  # antenna 2 heard nothing more
    assert windows.add(TagRead("E2", "0800", -52), stamp(1_500_000)) is None  # the visit goes on
    assert [w.count for w in windows.due(2_000_000)] == [1]
    assert windows.due(3_000_000) == []
    assert windows.next_due is None
    assert windows.add(TagRead("E2", "0800", -52), stamp(3_100_000)) is not None
    assert windows.add(TagRead("E2", "0800", -53), stamp(3_200_000)) is None
    assert [w.count for w in windows.due(float("inf"))] == [1]
    assert windows.next_due is None
