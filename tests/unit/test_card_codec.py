"""Bytes of card readers -> cards."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.card.em4100 import CardParser
from drivers.card.lines import LineParser
from drivers.card.pn532.codec import (
    GET_FIRMWARE_VERSION,
    IN_LIST_PASSIVE_TARGET,
    RF_CONFIGURATION,
    SAM_CONFIGURATION,
    ChipParser,
    Frame,
    encode,
    uid_of,
)
from support.cutting import cut

RDM6300 = bytes.fromhex("02 30 41 30 30 42 31 34 44 33 46 43 39 03")
ID12LA = b"\x020C000621A58E\r\n\x03"
"""The data sheet's example."""

ACK = bytes.fromhex("00 00 FF 00 FF 00")
FIRMWARE = bytes.fromhex("00 00 FF 06 FA D5 03 32 01 06 07 E8 00")
"""As several people's traces show it."""
SYNTAX_ERROR = bytes.fromhex("00 00 FF 01 FF 7F 81 00")

CUTS = st.lists(st.integers(0, 1000), max_size=8)


def em4100(uid: bytes, tail: bytes) -> bytes:
    """A frame by the data sheet's words."""
    checksum = uid[0] ^ uid[1] ^ uid[2] ^ uid[3] ^ uid[4]
    return b"\x02" + uid.hex().upper().encode() + b"%02X" % checksum + tail


def response(data: bytes) -> bytes:
    """A normal frame of the chip by the manual's words."""
    return b"\x00\x00\xff" + bytes((len(data), -len(data) % 256)) + data + bytes((-sum(data) % 256, 0))


@pytest.mark.parametrize(("raw", "uid"), [(RDM6300, "0A00B14D3F"), (ID12LA, "0C000621A5")])
def test_golden_cards(raw: bytes, uid: str) -> None:
    """Both shapes, by one parser; nothing is left over."""
    parser = CardParser()
    assert (parser.feed(raw), parser.pending, parser.dropped) == ([uid], False, 0)


@given(st.lists(st.tuples(st.binary(min_size=5, max_size=5), st.sampled_from([b"\x03", b"\r\n\x03"]))), CUTS)
def test_cards_in_any_pieces(cards: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    """Frames of both shapes one after the other, however the reads fall."""
    parser = CardParser()
    told = [uid for piece in cut(b"".join(em4100(*card) for card in cards), cuts) for uid in parser.feed(piece)]
    assert (told, parser.dropped) == ([uid.hex().upper() for uid, _ in cards], 0)


@given(st.binary(min_size=5, max_size=5), st.binary(max_size=13), st.binary(max_size=13))
def test_a_card_between_rubbish(uid: bytes, before: bytes, behind: bytes) -> None:
    """Torn frames and noise on both sides hide nothing."""
    parser = CardParser()
    told = parser.feed(before + em4100(uid, b"\x03") + behind) + parser.flush()
    assert told == [uid.hex().upper()]
    assert parser.dropped or not (before or behind)


@given(st.binary(min_size=5, max_size=5), st.integers(0, 15), st.integers(0, 7))
def test_one_bit_never_makes_another_card(uid: bytes, byte: int, bit: int) -> None:
    """It is dropped and counted; in a letter's case it says the same card."""
    raw = bytearray(em4100(uid, b"\r\n\x03"))
    raw[byte] ^= 1 << bit
    parser = CardParser()
    told = parser.feed(bytes(raw)) + parser.flush()
    assert (told == [] and parser.dropped) or (
        told == [uid.hex().upper()] and bytes(raw).upper() == em4100(uid, b"\r\n\x03")
    )


@given(st.binary(max_size=200), CUTS)
def test_any_bytes_at_a_card_parser(data: bytes, cuts: list[int]) -> None:
    """The reads' edges make no difference, and what is told stood there with its checksum."""
    whole, pieces = CardParser(), CardParser()
    told = whole.feed(data) + whole.flush()
    again = [uid for piece in cut(data, cuts) for uid in pieces.feed(piece)] + pieces.flush()
    assert (told, whole.dropped) == (again, pieces.dropped)
    assert all(em4100(bytes.fromhex(uid), b"")[1:] in data.upper() for uid in told)


def lines(pattern: str = r"No\.(?P<uid>[0-9]{10})", ends: str = "CR LF", max_bytes: int = 64) -> LineParser:
    return LineParser(pattern=pattern, terminators=set(ends.split()), max_bytes=max_bytes)  # type: ignore[arg-type]


def test_lines_of_a_badge_reader() -> None:
    """The group is the card; the LF behind a CR begins nothing."""
    parser = lines()
    assert parser.feed(b"No.0011619647\r\nNo.0000000007\n") == ["0011619647", "0000000007"]
    assert (parser.pending, parser.dropped) == (False, 0)


def test_a_line_that_does_not_fit_is_shown() -> None:
    """As a person can read it, with nothing that steers a terminal; the next one counts."""
    parser = lines()
    assert parser.feed(b"No.001161\x1b[2J\xff\rNo.0011619647\r") == ["0011619647"]
    assert (parser.dropped, parser.misfit) == (1, r"No.001161\x1b[2J\xff")


def test_a_line_without_an_end_is_torn_or_ended_by_silence() -> None:
    """As the settings say."""
    torn = lines()
    assert (torn.feed(b"No.0011619647"), torn.pending, torn.flush(), torn.dropped) == ([], True, [], 1)
    silence = lines(ends="")
    assert (silence.feed(b"No.0011619647"), silence.flush(), silence.dropped) == ([], ["0011619647"], 0)
    assert (silence.feed(b"No.1"), silence.flush(), silence.dropped) == ([], [], 1)


def test_the_end_of_the_line_may_have_cut_what_waits() -> None:
    """Half a line is another card: dropped also where silence ends one."""
    for ends in ("", "CR"):
        parser = lines(ends=ends)
        assert (parser.feed(b"No.0011619647"), parser.end(), parser.end(), parser.dropped) == ([], [], [], 1)


def test_a_group_that_holds_nothing_is_no_card() -> None:
    """Nor is one that holds a control character."""
    parser = lines(r"(?P<uid>.*)x?")
    assert parser.feed(b"\x02\r") == []
    parser = lines(r"x(?P<uid>1)?")
    assert (parser.feed(b"x\rx1\r"), parser.dropped) == (["1"], 1)


@given(st.lists(st.integers(0, 10**10 - 1)), CUTS)
def test_lines_in_any_pieces(cards: list[int], cuts: list[int]) -> None:
    """However the reads fall."""
    parser = lines()
    data = b"".join(b"No.%010d\r\n" % card for card in cards)
    assert [uid for piece in cut(data, cuts) for uid in parser.feed(piece)] == [f"{card:010}" for card in cards]
    assert parser.dropped == 0


@given(st.binary(max_size=200), CUTS)
def test_any_bytes_at_a_line_parser(data: bytes, cuts: list[int]) -> None:
    """The reads' edges make no difference, and no more is kept than a line may have."""
    whole, pieces = lines("(?P<uid>[0-9]+)", max_bytes=8), lines("(?P<uid>[0-9]+)", max_bytes=8)
    told = whole.feed(data) + whole.flush()
    again = []
    for piece in cut(data, cuts):
        again += pieces.feed(piece)
        assert len(pieces._rest) <= 9
    again += pieces.flush()
    assert (told, whole.dropped) == (again, pieces.dropped)
    assert told == [one.decode() for one in re.split(rb"[\r\n]", data)[:-1] if re.fullmatch(rb"[0-9]{1,8}", one)]


def test_commands_as_others_send_them() -> None:
    """Frames of the manual and of published traces."""
    assert encode(GET_FIRMWARE_VERSION) == bytes.fromhex("00 00 FF 02 FE D4 02 2A 00")
    assert encode(SAM_CONFIGURATION, b"\x01") == bytes.fromhex("00 00 FF 03 FD D4 14 01 17 00")
    assert encode(IN_LIST_PASSIVE_TARGET, b"\x01\x00") == bytes.fromhex("00 00 FF 04 FC D4 4A 01 00 E1 00")
    assert encode(RF_CONFIGURATION, b"\x05\xff\x01\x02") == bytes.fromhex("00 00 FF 06 FA D4 32 05 FF 01 02 F3 00")


def kinds(parser: ChipParser, data: bytes) -> list[Frame]:
    return [frame for frame in parser.feed(data) if frame.kind != "filler"]


def test_what_the_chip_says() -> None:
    """ACK, response, error, NACK, an extended frame of 260 bytes, and any number of zeros between them."""
    parser = ChipParser()
    data = b"\xd5\x4b" + bytes(range(256)) + b"\x00\x00"
    extended = b"\x00\x00\xff\xff\xff\x01\x04\xfb" + data + bytes((-sum(data) % 256, 0))
    said = ACK + FIRMWARE + bytes(5) + SYNTAX_ERROR + bytes.fromhex("00 00 FF FF 00 00") + extended
    assert kinds(parser, said) == [
        Frame("ack"),
        Frame("response", GET_FIRMWARE_VERSION, bytes.fromhex("32 01 06 07")),
        Frame("error"),
        Frame("nack"),
        Frame("response", IN_LIST_PASSIVE_TARGET, data[2:]),
    ]
    assert (parser.pending, parser.dropped) == (False, 0)


@pytest.mark.parametrize(
    "raw",
    [
        "00 00 FF 06 FB D5 03 32 01 06 07 E8 00",  # LCS
        "00 00 FF 06 FA D5 03 32 01 06 07 E9 00",  # DCS
        "00 00 FF 06 FA D5 03 32 01 06 07 E8 01",  # postamble
        "00 00 FF 02 FE D4 02 2A 00",  # of a host
        "00 00 FF 01 FF D5 2B 00",  # without a code
        "00 00 FF FF FF 01 0A F5",  # 266 bytes: more than the chip has
        "00 00 FF FF FF 00 06 FB D5 03 32 01 06 07 E8 00",  # LCS of an extended one
    ],
)
def test_frames_that_are_none(raw: str) -> None:
    """They are counted, and the next good one is there at once or after silence."""
    parser = ChipParser()
    told = kinds(parser, bytes.fromhex(raw) + FIRMWARE)
    told += [frame for frame in parser.flush() if frame.kind != "filler"]
    assert told == [Frame("response", GET_FIRMWARE_VERSION, bytes.fromhex("32 01 06 07"))]
    assert parser.dropped


def test_a_length_that_the_chip_does_not_have_hides_nothing() -> None:
    """The frame behind it comes at once, without a silence."""
    assert len(kinds(ChipParser(), bytes.fromhex("00 00 FF FF FF 01 0A F5") + FIRMWARE)) == 1


@given(st.lists(st.binary(max_size=300)), CUTS)
def test_responses_in_any_pieces(all_params: list[bytes], cuts: list[int]) -> None:
    """Normal and extended, as the length asks for, however the reads fall."""
    said = b""
    for params in all_params:
        data = b"\xd5\x4b" + params[:263]
        if len(data) <= 255:
            said += response(data)
            continue
        size = len(data).to_bytes(2, "big")
        said += b"\x00\x00\xff\xff\xff" + size + bytes((-sum(size) % 256,)) + data + bytes((-sum(data) % 256, 0))
    parser = ChipParser()
    told = [frame for piece in cut(said, cuts) for frame in kinds(parser, piece)]
    assert told == [Frame("response", IN_LIST_PASSIVE_TARGET, params[:263]) for params in all_params]
    assert parser.dropped == 0


@given(st.binary(max_size=300), CUTS)
def test_any_bytes_at_the_chips_parser(data: bytes, cuts: list[int]) -> None:
    """Nothing raises, and the reads' edges make no difference."""
    whole, pieces = ChipParser(), ChipParser()
    told = whole.feed(data) + whole.flush()
    again = [frame for piece in cut(data, cuts) for frame in pieces.feed(piece)] + pieces.flush()
    assert told == again
    for frame in told:
        uid_of(frame.params)


@pytest.mark.parametrize("uid", ["DEADBEEF", "04112233445566", "04112233445566778899"])
def test_cards_of_type_a(uid: str) -> None:
    """UIDs of 4, 7 and 10 bytes, also with an ATS behind them."""
    target = bytes.fromhex("01 01 00 04 08") + bytes((len(uid) // 2,)) + bytes.fromhex(uid)
    assert uid_of(target) == uid
    assert uid_of(target + bytes.fromhex("06 75 77 81 02 80")) == uid
    assert uid_of(target[:-1]) is None


def test_no_card_and_no_sense() -> None:
    """An empty field is said in one byte; other lengths and counts are nobody's UID."""
    assert uid_of(b"\x00") == ""
    assert [
        uid_of(bytes.fromhex(one)) for one in ("", "01", "02 01 00 04 08 04 DE AD BE EF", "01 01 00 04 08 03 11 22 33")
    ] == [None] * 4


def test_zeros_behind_a_frame_are_none() -> None:
    """The chip may say any number of them: it is not asked again for that."""
    parser = ChipParser()
    (ack,) = [frame for frame in parser.feed(bytes.fromhex("00 00 FF 00 FF 00 00")) if frame.kind == "ack"]
    assert (ack.kind, parser.pending) == ("ack", False)
    parser.feed(b"\xff")
    assert parser.pending
