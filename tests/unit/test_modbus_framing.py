"""RTU and TCP frames: found where they are whole and sound, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.common.checksum import modbus_crc16
from drivers.modbus import pdu, rtu, tcp
from drivers.modbus.pdu import read
from firmware_sim import modbus_link

GOLDEN_FRAMES = [
    "01 04 04 01 31 02 22 2A CE",
    "01 03 04 02 92 FF 9B 5A 3D",
    "01 04 10 FF 49 00 29 75 30 8A D0 00 00 00 FD 75 30 75 30 E6 2E",
    "01 03 02 FF 49 38 42",
    "01 01 01 00 51 88",
    "01 02 01 01 60 48",
    "01 04 18 01 01 00 01 00 00 00 00 00 01 00 05 00 03 00 00 00 01 00 04 00 2B 00 5A D1 21",
    "FF 03 07 D0 00 01 91 59",
    "00 06 40 00 00 01 5C 1B",
    "00 03 40 00 00 01 90 1B",
]
REQUEST = read(4, 1, 2)
REPLY = bytes.fromhex("01 04 04 01 31 02 22 2A CE")
DATA = REPLY[1:-2]


@pytest.mark.parametrize("frame", GOLDEN_FRAMES)
def test_crc_of_vendors_frames(frame: str) -> None:
    """Master and simulator each compute the CRC in their own way, and both agree with the documents."""
    data = bytes.fromhex(frame)
    expected = int.from_bytes(data[-2:], "little")
    assert modbus_crc16(data[:-2]) == modbus_link.crc(data[:-2]) == expected
    assert modbus_crc16(data) == 0


@given(st.binary(max_size=300))
def test_crc_is_that_of_the_simulator(data: bytes) -> None:
    """Table and bit by bit are the same function."""
    assert modbus_crc16(data) == modbus_link.crc(data)


@pytest.mark.parametrize("noise", ["", "00", "FF 01 04", "01 04 04 01 31", "01", "03 02 00 00 00"])
def test_a_reply_is_found_behind_noise(noise: str) -> None:
    """Bytes before the exact expected frame are skipped."""
    assert rtu.find(bytes.fromhex(noise) + REPLY, 1, REQUEST) == DATA


def test_a_reply_is_found_only_when_it_is_whole() -> None:
    """Any split of the frame over reads gives the same."""
    assert [rtu.find(REPLY[:n], 1, REQUEST) for n in range(len(REPLY))] == [None] * len(REPLY)


@given(place=st.integers(0, len(REPLY) - 1), flip=st.integers(1, 255))
def test_no_damaged_reply_is_found(place: int, flip: int) -> None:
    """One damaged byte anywhere, and there is no reply."""
    damaged = bytearray(REPLY)
    damaged[place] ^= flip
    assert rtu.find(bytes(damaged), 1, REQUEST) is None


@pytest.mark.parametrize(
    ("slave", "request_"),
    [(2, REQUEST), (1, read(4, 1, 1)), (1, read(4, 1, 3)), (1, read(3, 1, 2)), (1, pdu.write_coil(4, 0x0131))],
)
def test_anothers_reply_is_not_found(slave: int, request_: pdu.Request) -> None:
    """Slave, function and byte count must be those of the request."""
    assert rtu.find(REPLY, slave, request_) is None


def test_an_exception_is_a_reply() -> None:
    """An exception to the open request ends the waiting at once."""
    assert rtu.find(bytes.fromhex("01 84 02 C2 C1"), 1, REQUEST) == bytes.fromhex("84 02")
    assert rtu.find(bytes.fromhex("01 84 02 C2 C1"), 1, read(3, 1, 2)) is None


FRAME = bytes.fromhex("0007 0000 0007 01 04 04 0131 0222")


def test_tcp_request_by_the_byte() -> None:
    """MBAP: transaction, protocol 0, length of unit and PDU, unit."""
    assert tcp.encode(7, 1, REQUEST) == bytes.fromhex("0007 0000 0006 01 04 0001 0002")


@given(cut=st.integers(0, len(FRAME)), rest=st.binary(max_size=12))
def test_tcp_frames_are_taken_whole(cut: int, rest: bytes) -> None:
    """A frame is taken when its last byte is there; what is behind it stays."""
    assert tcp.take(FRAME[:cut]) == (None if cut < len(FRAME) else (7, 1, DATA, b""))
    assert tcp.take(FRAME + rest) == (7, 1, DATA, rest)


@pytest.mark.parametrize("header", ["0007 0001 0007 01", "0007 0000 0002 01", "0007 0000 00FF 01", "4854 5450 2F31 2E"])
def test_what_is_not_modbus_tcp_is_refused(header: str) -> None:
    """Another protocol number, an impossible length."""
    with pytest.raises(ValueError, match=header[:2]):
        tcp.take(bytes.fromhex(header) + bytes(300))
