"""Requests by the byte, and replies that are believed only if they fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus import pdu
from drivers.modbus.pdu import Request, SlaveError, parse, read
from drivers.modbus.rtu import encode

GOLDEN = [
    (1, read(4, 0x0001, 2), "01 04 00 01 00 02 20 0B"),
    (1, read(3, 0x0101, 1), "01 03 01 01 00 01 D4 36"),
    (1, read(3, 0x0000, 2), "01 03 00 00 00 02 C4 0B"),
    (1, read(4, 0x0000, 8), "01 04 00 00 00 08 F1 CC"),
    (1, read(1, 0x0000, 8), "01 01 00 00 00 08 3D CC"),
    (1, read(2, 0x0000, 8), "01 02 00 00 00 08 79 CC"),
    (1, read(4, 0x0000, 12), "01 04 00 00 00 0C F0 0F"),
    (2, read(3, 0x0040, 23), "02 03 00 40 00 17 04 23"),
    (1, pdu.write_coil(0, pdu.COIL_ON), "01 05 00 00 FF 00 8C 3A"),
    (1, pdu.write_coil(0x00FF, pdu.COIL_ON), "01 05 00 FF FF 00 BC 0A"),
    (1, pdu.write_coil(0x0200, 7), "01 05 02 00 00 07 8D B0"),
    (1, pdu.write(bytes.fromhex("0F 0000 0008 01 FF")), "01 0F 00 00 00 08 01 FF BE D5"),
]


@pytest.mark.parametrize(("slave", "request_", "frame"), GOLDEN)
def test_requests_by_the_byte(slave: int, request_: Request, frame: str) -> None:
    """Our frames are those of the vendors' documents."""
    assert encode(slave, request_) == bytes.fromhex(frame)


def test_replies() -> None:
    """A read gives its data, a confirmed write nothing."""
    assert parse(1, read(4, 1, 2), bytes.fromhex("04 04 0131 0222")) == bytes.fromhex("0131 0222")
    assert parse(1, pdu.write_coil(0, 0xFF00), bytes.fromhex("05 0000 FF00")) == b""


@pytest.mark.parametrize(
    "reply",
    [
        "04 02 0131",  # fewer registers
        "04 04 0131",  # fewer than it says
        "04 06 0131 0222 0333",  # more registers
        "03 04 0131 0222",  # another function
        "83 02",  # another function's exception
        "04",
        "",
    ],
)
def test_what_is_not_exactly_the_reply_is_refused(reply: str) -> None:
    """Short, long and foreign replies are no values."""
    with pytest.raises(SlaveError, match="modbus_bad_reply"):
        parse(1, read(4, 1, 2), bytes.fromhex(reply))


@pytest.mark.parametrize("reply", ["05 0001 FF00", "05 0000 0000", "06 0000 FF00", "05 0000 FF00 00"])
def test_an_echo_of_another_write_confirms_nothing(reply: str) -> None:
    """Address, value and function of a write must come back."""
    with pytest.raises(SlaveError, match="modbus_bad_reply"):
        parse(1, pdu.write_coil(0, 0xFF00), bytes.fromhex(reply))


@pytest.mark.parametrize(
    ("code", "error"), [(1, "function"), (2, "address"), (3, "value"), (4, "failure"), (6, "busy")]
)
def test_exceptions_have_words_of_their_own(code: int, error: str) -> None:
    """The common exception codes are told apart for the person on the ladder."""
    with pytest.raises(SlaveError, match=f"modbus_exception_{error} ") as caught:
        parse(7, read(3, 0, 1), bytes((0x83, code)))
    assert caught.value.params == {"slave": 7, "exception": code, "asked": "FC03 0x0000 x1"}


@given(
    function=st.sampled_from(sorted(pdu.READS)),
    address=st.integers(0, 0xFF00),
    count=st.integers(1, 125),
    reply=st.binary(max_size=260),
)
def test_nothing_but_the_right_shape_is_ever_believed(function: int, address: int, count: int, reply: bytes) -> None:
    """Whatever comes: an error, or exactly the data that were asked for."""
    request = read(function, address, count)
    size = (count + 7) // 8 if function in pdu.BIT_READS else 2 * count
    try:
        data = parse(1, request, reply)
    except SlaveError:
        return
    assert reply == bytes((function, size)) + data
    assert len(data) == size


def test_all_that_a_write_would_change_is_known() -> None:
    """The allow-list sees each address of a write of many."""
    assert pdu.write_coil(5, 0).targets == {(5, 5)}
    assert pdu.write(bytes.fromhex("0F 0006 0003 01 05")).targets == {(15, 6), (15, 7), (15, 8)}
    assert pdu.write(bytes.fromhex("10 0001 0002 04 0000 0000")).targets == {(16, 1), (16, 2)}


@pytest.mark.parametrize("wrong", [(5, 0, 1), (3, 0, 126), (1, 0, 2001), (3, 0, 0), (3, 0xFFFF, 2), (3, -1, 1)])
def test_impossible_reads_are_refused(wrong: tuple[int, int, int]) -> None:
    """What no slave could answer is never asked."""
    with pytest.raises(ValueError, match="no such read"):
        read(*wrong)
