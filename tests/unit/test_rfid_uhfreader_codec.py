"""Bytes of UHFReader18 and 288M -> frames -> tag reads. Golden bytes are those of chafon-rfid's tests, captured from readers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.common.checksum import uhfreader_crc16
from drivers.rfid.tag import TagRead
from drivers.rfid.uhfreader import codec
from drivers.rfid.uhfreader.codec import Frame, ReaderParser
from support.cutting import cut
from support.damage import one_damage

ONE_18 = bytes.fromhex("13 00 01 03 01 0C 00 00 00 00 00 00 00 00 00 00 03 13 3F 39")
TWO_18 = bytes.fromhex("20000103020c0000000000000000000003130c0000000000000000000003149ac9")
ONE_288 = bytes.fromhex("15 00 01 03 01 01 0C 00 00 00 00 00 00 00 00 00 00 03 13 6B B1 A5")
TWO_288 = bytes.fromhex("2300010301020c0000000000000000000003136b0c0000000000000000000003146c70f2")
THIRD_ANTENNA = bytes.fromhex("1500010304010c49440000000000000a0003346425c0")
SHORT_EPC = bytes.fromhex("0d000103010104003230386da3d2")
EMPTY_288 = bytes.fromhex("07 00 01 01 01 00 1E 4B")

FIRST, SECOND = "000000000000000000000313", "000000000000000000000314"


def read(epc: str, antenna: int | None = None) -> TagRead:
    return TagRead(epc, None, None, antenna)


@pytest.mark.parametrize(
    ("raw", "four", "reads"),
    [
        (ONE_18, False, [read(FIRST)]),
        (bytes.fromhex("13000103010c49440000000000000a000334a5fb"), False, [read("49440000000000000A000334")]),
        (TWO_18, False, [read(FIRST), read(SECOND)]),
        (ONE_288, True, [read(FIRST, 1)]),
        (bytes.fromhex("1500010301010c3039606303c74380001a055940f93e"), True, [read("3039606303C74380001A0559", 1)]),
        (TWO_288, True, [read(FIRST, 1), read(SECOND, 1)]),
        (THIRD_ANTENNA, True, [read("49440000000000000A000334", 3)]),
        (SHORT_EPC, True, [read("00323038", 1)]),
        (EMPTY_288, True, []),
    ],
)
def test_captured_inventories(raw: bytes, four: bool, reads: list[TagRead]) -> None:
    """What real readers answered: one tag, two, on antenna 3, with a short EPC, none."""
    (frame,) = ReaderParser().feed(raw)
    assert (frame.address, frame.command) == (0, codec.INVENTORY)
    assert codec.tag_reads(frame.data, four=four) == reads


def test_golden_questions() -> None:
    """The frames of the manual, and the inventory that chafon-rfid sends to a 288M."""
    assert codec.encode(0, codec.INVENTORY) == bytes.fromhex("04 00 01 DB 4B")
    assert codec.encode(0, codec.INFORMATION) == bytes.fromhex("04 00 21 D9 6A")
    assert codec.encode(codec.BROADCAST, codec.INFORMATION) == bytes.fromhex("04 FF 21 19 95")
    assert codec.inventory_288(15, "S0", 1, 0x14) == bytes.fromhex("0f 00 01 00 00 00 00 80 14")
    assert codec.inventory_288(2, "S1", 3, 3) == bytes.fromhex("02 01 01 00 00 00 00 82 03")


def test_words_of_a_tag() -> None:
    """`ENum EPC Mem WordPtr Num Pwd`, and `WNum ENum EPC Mem WordPtr Wdt Pwd`, as the manual lists them."""
    epc, password = bytes.fromhex("E2001122"), bytes.fromhex("0000BEEF")
    assert codec.read_words(epc, 3, 2, 4, password) == bytes.fromhex("02 E2001122 03 02 04 0000BEEF".replace(" ", ""))
    assert codec.write_words(epc, 3, 2, b"\x12\x34\x56\x78", password) == bytes.fromhex(
        "02 02 E2001122 03 02 12345678 0000BEEF".replace(" ", "")
    )


def test_what_a_reader_says_of_itself() -> None:
    """Power and scan time; the six bytes of the work mode stand behind four of Wiegand."""
    told = codec.information(bytes.fromhex("02 24 09 02 31 80 1A 0A"))
    assert told is not None
    assert (told.power_dbm, told.scan_s) == (26, 1.0)
    assert codec.information(b"\x02\x24") is None
    assert codec.mode_18(bytes(range(12))) == bytes((4, 5, 6, 7, 8, 9))
    assert codec.mode_18(bytes(9)) is None


@pytest.mark.parametrize(
    ("data", "four"),
    [
        (b"", False),
        (b"\x02\x0c" + bytes(12), False),  # two are promised, one is there
        (b"\x01\x0c" + bytes(11), False),
        (b"\x01\x0b" + bytes(11), False),  # an EPC is of whole words
        (b"\x01\x0c" + bytes(13), False),
        (b"\x01\x01\x0c" + bytes(12), True),  # the RSSI is missing
    ],
)
def test_lengths_that_do_not_fit(data: bytes, four: bool) -> None:
    """Nothing is guessed out of a sound frame whose inner lengths are wrong."""
    assert codec.tag_reads(data, four=four) is None


def test_several_antennas_at_once_are_none() -> None:
    """The manual allows a mask of antennas: which of them it was is not known then."""
    assert codec.tag_reads(b"\x05\x01\x02\xab\xcd\x6b", four=True) == [read("ABCD")]


def test_no_flipped_bit_passes() -> None:
    """The CRC covers all of a frame: no read comes out of one with a bit changed."""
    for bit in range(8 * len(ONE_288)):
        raw = bytearray(ONE_288)
        raw[bit // 8] ^= 1 << bit % 8
        parser = ReaderParser()
        assert parser.feed(bytes(raw)) + parser.flush() == []


PARTS = st.one_of(st.sampled_from([ONE_18, TWO_18, EMPTY_288, TWO_288[:9], b"\xff", b"\x04"]), st.binary(max_size=30))


@given(st.lists(PARTS), st.lists(st.integers(0, 600)))
def test_any_chunking_gives_the_same_frames(parts: list[bytes], cuts: list[int]) -> None:
    """Arbitrary bytes never raise, and where the reads are cut does not matter."""
    data = b"".join(parts)
    whole, pieces = ReaderParser(), ReaderParser()
    expected = whole.feed(data) + whole.flush()
    assert [f for piece in cut(data, cuts) for f in pieces.feed(piece)] + pieces.flush() == expected
    assert pieces.dropped == whole.dropped
    for frame in expected:
        codec.tag_reads(frame.data, four=True)
        codec.tag_reads(frame.data, four=False)


@given(st.integers(0, 255), st.binary(min_size=1, max_size=200), st.sampled_from([1, 2, 3, 0x21, 0x2F, 0x35, 0x76]))
def test_what_is_said_is_heard(address: int, data: bytes, command: int) -> None:
    """An answer has the form of a question with the status in front of its data."""
    frame = Frame(address, command, data[0], data[1:])
    assert ReaderParser().feed(codec.encode(address, command, data)) == [frame]
    assert ReaderParser(address).feed(codec.encode(address, command, data)) == [frame]


def test_what_is_no_answer_is_not_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what a flood may be read as, few are answers of that reader to something: only their CRC is made."""
    weighed: list[bytes] = []

    def crc(raw: bytes) -> int:
        weighed.append(raw)
        return 1

    monkeypatch.setattr(codec, "uhfreader_crc16", crc)
    assert ReaderParser().feed(b"\xff" * 20_000) == []
    assert ReaderParser(1).feed(b"\x21" * 20_000) == []
    assert weighed == []


def test_a_tag_without_an_epc_hides_no_other() -> None:
    """It names nothing, and stands in a frame with those that do."""
    assert codec.tag_reads(b"\x02\x00\x02\xab\xcd", four=False) == [None, read("ABCD")]
    assert codec.tag_reads(b"\x01\x02\x02\xab\xcd\x6b\x00\x6b", four=True) == [read("ABCD", 1), None]
    assert codec.tag_reads(b"\x02\x00", four=False) is None


INNER = bytes.fromhex("0B 00 01 03 01 04 DE AD BE EF")
INNER += uhfreader_crc16(INNER).to_bytes(2, "little")
OUTER = codec.encode(0, 1, b"\x03\x01\x0c" + INNER)


def test_nothing_comes_out_of_a_damaged_frame() -> None:
    """An EPC that is itself a whole frame is told by no damage of the frame that it stands in."""
    for damaged in one_damage(OUTER, OUTER.index(INNER)):
        parser = ReaderParser()
        frames = parser.feed(damaged + ONE_18) + parser.flush()
        assert Frame(0, 1, 3, b"\x01\x04\xde\xad\xbe\xef") not in frames
