"""LLRP bytes -> messages, parameters, reads, what a reader says of itself; and what is said to it."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfid.llrp import commands, params
from drivers.rfid.llrp.codec import MESSAGE_MAX_BYTES, TV_SIZES, CodecError, Deframer, Message, message, parameters
from drivers.rfid.llrp.params import MessageType
from drivers.rfid.llrp.replies import (
    Event,
    Status,
    Transmitter,
    capabilities,
    events,
    reader_config,
    rospec_state,
    status,
)
from drivers.rfid.llrp.reports import reads
from drivers.rfid.tag import TagRead
from support.cutting import cut
from support.llrp_captures import CAPABILITIES, CONFIG, REPORTS

GREETING = bytes.fromhex("04 3F 00000020 00000001 00F6 0016 0080 000C 0005A9E4BEF862E0 0100 0006 0000")
KEEPALIVE = bytes.fromhex("04 3E 0000000A 00000007")
ADDED = bytes.fromhex("04 1E 00000012 00000004 011F 0008 0000 0000")
REPORT = bytes.fromhex(
    "04 3D 00000035 00000009 00F0 002B 8D 3034257BF7194E4000001A01 81 0001 86 CF"
    "82 0005A9E4BEF862E0 84 0005A9E4BEF862E1 88 0001"
)
WORKED = GREETING + KEEPALIVE + ADDED + REPORT
"""Frames worked out by hand from the standard."""


def tlv(kind: int, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return struct.pack(">HH", kind, 4 + len(body)) + body


def tag(*inside: bytes) -> bytes:
    return tlv(240, *inside)


EPC = b"\x8d" + bytes.fromhex("3034257BF7194E4000001A01")


def test_worked_frames() -> None:
    """Type, number and content of each."""
    greeting, keepalive, added, report = Deframer().feed(WORKED)
    assert (greeting.type, greeting.id) == (MessageType.READER_EVENT_NOTIFICATION, 1)
    assert events(greeting.body) == [Event(params.CONNECTION_ATTEMPT_EVENT, state=params.SUCCESS)]
    assert keepalive == Message(MessageType.KEEPALIVE, 7, b"")
    assert (added.type, status(added.body)) == (MessageType.ADD_ROSPEC_RESPONSE, Status(params.SUCCESS, ""))
    assert list(reads(report.body)) == [
        TagRead(
            "3034257BF7194E4000001A01",
            None,
            -49,
            antenna=1,
            reads=1,
            reader_first=1594174805140192,
            reader_last=1594174805140193,
        )
    ]
    assert message(MessageType.KEEPALIVE_ACK, 7) == bytes.fromhex("04 48 0000000A 00000007")
    assert message(MessageType.GET_READER_CAPABILITIES, 1, b"\0") == bytes.fromhex("04 01 0000000B 00000001 00")


@pytest.mark.parametrize(("raw", "said"), REPORTS.items())
def test_captured_reports(raw: str, said: tuple[str, int, int]) -> None:
    """What another decoder says of a real reader's reports; what they do not tell is None."""
    epc, rssi, first = said
    body = bytes.fromhex(raw)
    (whole,) = Deframer().feed(message(MessageType.RO_ACCESS_REPORT, 1, body))
    assert list(reads(whole.body)) == [TagRead(epc, None, rssi, antenna=1, reader_first=first)]


def test_captured_capabilities() -> None:
    """Four antennas, four inputs, 81 powers from 10 to 30 dBm, ten modes."""
    assert status(CAPABILITIES) == Status(params.SUCCESS, "")
    said = capabilities(CAPABILITIES)
    assert (said.antennas, said.gpis) == (4, 4)
    assert (said.manufacturer, said.model, said.firmware) == (25882, 2001002, "5.14.0.240")
    assert len(said.powers) == 81
    assert (said.powers[1], said.powers[2], said.powers[81]) == (10.0, 10.25, 30.0)
    assert {0, 1000} <= set(said.modes)


def test_captured_configuration() -> None:
    """One antenna is connected; all transmit with power 81 of hop table 1; for 32 tags; inputs are low."""
    said = reader_config(CONFIG)
    assert said.connected == {1: True, 2: False, 3: False, 4: False}
    assert said.transmitters == dict.fromkeys(range(1, 5), Transmitter(1, 0, 81))
    assert said.populations == dict.fromkeys(range(1, 5), 32)
    assert said.gpis == dict.fromkeys(range(1, 5), 0)


def test_epc_of_another_length() -> None:
    """Comes with its number of bits; access results and PC beside it."""
    read = tlv(349, bytes.fromhex("00 0001 0002 E2801160"))
    failed = tlv(349, bytes.fromhex("02 0001 0000"))
    one, other = reads(tag(tlv(241, bytes.fromhex("0020 30AABBCC")), b"\x8c\x10\x00", read) + tag(EPC, failed))
    assert one and other
    assert (one.epc, one.pc, one.tid) == ("30AABBCC", "1000", "E2801160")
    assert (other.epc, other.tid) == ("3034257BF7194E4000001A01", None)


def test_uptime_is_no_time_of_day() -> None:
    """A reader without a clock has no times."""
    (read,) = reads(tag(EPC, b"\x83" + bytes(8), b"\x85" + bytes(8)))
    assert read and (read.reader_first, read.reader_last) == (None, None)


def test_what_is_not_known_is_passed_over() -> None:
    """A TLV by its length, wherever it stands; a TV of unknown size ends that tag, and not the next one."""
    custom = tlv(1023, bytes.fromhex("0000651A 00000038 0102"))
    first, second = reads(custom + tag(EPC, custom, b"\x81\0\2", b"\xfe\1\2") + tlv(999) + tag(EPC, b"\x81\0\3"))
    assert first and second and (first.antenna, second.antenna) == (2, 3)
    assert status(custom + ADDED[10:]) == Status(params.SUCCESS, "")
    assert not any(TV_SIZES[0x7E:])


def test_events() -> None:
    """Each with whom it is about; unknown ones, and the clock, are left out."""
    body = tlv(
        246,
        tlv(129, bytes(8)),
        tlv(248, bytes.fromhex("0002 80")),
        tlv(249, bytes.fromhex("01 00000001 00000000")),
        tlv(255, bytes.fromhex("00 0003")),
        tlv(252, bytes.fromhex("0005"), b"hot\xc2\xb0", b"\x81\0\1"),
        tlv(251),
        tlv(254, bytes(7)),
        tlv(257),
    )
    assert events(body) == [
        Event(params.GPI_EVENT, 2, 1),
        Event(params.ROSPEC_EVENT, 1, 1),
        Event(params.ANTENNA_EVENT, 3, 0),
        Event(params.READER_EXCEPTION_EVENT, text="hot°"),
        Event(params.REPORT_BUFFER_OVERFLOW),
        Event(params.CONNECTION_CLOSE_EVENT),
    ]


def test_state_of_a_rospec() -> None:
    """By its number, among others; where it is not there, none is known."""
    rospecs = ADDED[10:] + tlv(177, bytes.fromhex("00000007 00 01")) + tlv(177, bytes.fromhex("00000001 00 02"))
    assert (rospec_state(rospecs, 7), rospec_state(rospecs, 1)) == (1, params.ROSPEC_ACTIVE)
    assert rospec_state(rospecs, 2) is rospec_state(ADDED[10:], 1) is None


def test_error_with_its_text() -> None:
    """Status, words and what the reader says beyond them."""
    error = tlv(287, bytes.fromhex("0064 0003"), b"bad", tlv(288, bytes(4)))
    assert status(error) == Status(100, "bad")


@given(st.lists(st.integers(0, 10_000)))
def test_any_chunking_gives_the_same_messages(at: list[int]) -> None:
    deframer = Deframer()
    found = [one for piece in cut(WORKED, at) for one in deframer.feed(piece)]
    assert found == Deframer().feed(WORKED)
    assert deframer.broken is None


@pytest.mark.parametrize(
    "header",
    [
        "01 04 04 01 31 02 22 2A CE 00",  # Modbus
        "48 54 54 50 2F 31 2E 31 20 34",  # HTTP
        "04 3E 00000009 00000007",  # shorter than itself
        f"04 3D {MESSAGE_MAX_BYTES + 1:08X} 00000007",  # longer than anything
        "0C 3E 0000000A 00000007",  # a version that is not there yet
    ],
)
def test_what_is_no_header_breaks_the_stream(header: str) -> None:
    """What came before it is given; nothing behind it is."""
    deframer = Deframer()
    assert deframer.feed(KEEPALIVE + bytes.fromhex(header) + KEEPALIVE) == [Message(MessageType.KEEPALIVE, 7, b"")]
    assert deframer.broken == bytes.fromhex(header)
    assert deframer.feed(KEEPALIVE) == []


def test_a_message_of_the_longest_length() -> None:
    deframer = Deframer()
    longest = message(MessageType.RO_ACCESS_REPORT, 1, bytes(MESSAGE_MAX_BYTES - 10))
    assert deframer.feed(longest[:-1]) == []
    assert [len(one.body) for one in deframer.feed(longest[-1:])] == [MESSAGE_MAX_BYTES - 10]


def damaged(body: bytes) -> st.SearchStrategy[bytes]:
    """The body with a few bytes changed, and cut off."""
    changes = st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=4)

    def made(changed: list[tuple[int, int]], end: int) -> bytes:
        raw = bytearray(body)
        for at, value in changed:
            raw[at] = value
        return bytes(raw[:end])

    return st.builds(made, changes, st.integers(0, len(body)))


BODIES = [CAPABILITIES, CONFIG, GREETING[10:], REPORT[10:] * 3, tag(EPC, tlv(349, bytes(5))), ADDED[10:]]
DECODERS: list[Callable[[bytes], object]] = [
    capabilities,
    reader_config,
    events,
    status,
    lambda body: rospec_state(body, 1),
    lambda body: list(reads(body)),
    lambda body: list(parameters(body, 0, len(body))),
]


@given(st.one_of(st.binary(max_size=200), *map(damaged, BODIES)), st.sampled_from(DECODERS))
def test_rubbish_raises_the_codecs_error_and_no_other(body: bytes, decode: Callable[[bytes], object]) -> None:
    try:
        decode(body)
    except CodecError:
        pass


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_rubbish_on_the_stream_raises_nothing(pieces: list[bytes]) -> None:
    deframer = Deframer()
    for piece in pieces:
        deframer.feed(piece)


@pytest.mark.parametrize(
    "damaged",
    [
        tag(EPC, b"\x82\0\1"),  # half a time
        tag(b"\x81\0\1"),  # no EPC
        tag(),
        tag(b"\xfe\1", EPC),  # of unknown size, and the EPC behind it
        tag(tlv(241, b"\0\0")),  # an EPC of no bits
        tag(tlv(241, b"\0\x80", bytes(4))),
        tag(EPC, b"\0\5\0\3"),
    ],
)
def test_a_damaged_read_costs_no_other(damaged: bytes) -> None:
    """Its own length says where the next one is."""
    first, second, third = reads(tag(EPC, b"\x81\0\1") + damaged + tag(EPC, b"\x81\0\3"))
    assert first and third and (first.antenna, second, third.antenna) == (1, None, 3)


@pytest.mark.parametrize("behind", [b"\xfe\1\2", b"\0\xf0\0\3", b"\0\xf0\1\0"])
def test_reads_behind_which_nothing_can_be_followed_are_given(behind: bytes) -> None:
    """That something is lost there is not kept quiet."""
    given_ = []
    with pytest.raises(CodecError):
        for read in reads(tag(EPC, b"\x81\0\1") + behind):
            given_.append(read and read.antenna)  # noqa: PERF401  the one that raises ends it
    assert given_ == [1]


@pytest.mark.parametrize(("said", "told"), [(2**63 - 1, 2**63 - 1), (2**63, None), (2**64 - 1, None)])
def test_a_time_beyond_all_times_is_none(said: int, told: int | None) -> None:
    """The tag is read all the same."""
    (read,) = reads(tag(EPC, b"\x82" + said.to_bytes(8, "big"), b"\x84" + said.to_bytes(8, "big")))
    assert read and (read.reader_first, read.reader_last) == (told, told)


def test_plain_rospec() -> None:
    """Byte for byte: all antennas, immediate, no end, a report per tag with antenna, channel, RSSI, both times, count, PC."""
    assert commands.add_rospec(commands.Inventory()) == bytes.fromhex(
        "00B1 0046 00000001 00 00"
        "00B2 0012 00B3 0005 01 00B6 0009 00 00000000"
        "00B7 0018 0001 0000 00B8 0009 00 00000000 00BA 0007 0001 01"
        "00ED 0012 01 0001 00EE 000B 1F80 015C 0005 40"
    )


def test_rospec_with_all_that_can_be_set() -> None:
    """An antenna's power, RF mode, session and population stand in its own configuration."""
    inventory = commands.Inventory((2,), {2: Transmitter(1, 0, 71)}, mode=1000, session=2, population=8)
    configured = bytes.fromhex(
        "00DE 0028 0002 00E0 000A 0001 0000 0047 014A 0018 00 014F 0008 03E8 0000 0150 000B 80 0008 00000000"
    )
    assert configured in commands.add_rospec(inventory)


def test_access_to_the_tid() -> None:
    """Six words of bank 2 of each tag, whatever its EPC."""
    assert commands.add_accessspec(6) == bytes.fromhex(
        "00CF 003E 00000001 0000 01 00 00000001"
        "00D0 0007 00 0000"
        "00D1 0022 0152 000F 0153 000B 60 0000 0000 0000 0155 000F 0001 00000000 80 0000 0006"
        "00EF 0005 00"
    )


def test_configuration_of_the_reader() -> None:
    """Nothing reset; events of ROSpec, buffer, exception and antenna, of inputs only where one is used; 10 s; held back."""
    assert commands.set_reader_config(10, []) == bytes.fromhex(
        "00 00F4 0020 00F5 0007 0002 80 00F5 0007 0003 80 00F5 0007 0004 80 00F5 0007 0008 80"
        "00DC 0009 01 00002710 00E2 0005 80"
    )
    assert bytes.fromhex("00F5 0007 0001 80") in commands.set_reader_config(10, [3])
    assert bytes.fromhex("00E1 0008 0003 80 02") in commands.set_reader_config(10, [3])
