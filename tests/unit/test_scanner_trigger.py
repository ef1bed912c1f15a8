"""Triggers of scanners in plain mode: what is said to them, and their replies among the symbols."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanner.trigger import COMMANDS, OWED_S, ReplyFilter
from support.cutting import cut

REPLY = bytes.fromhex("02 00 00 01 00 33 31")


def test_commands() -> None:
    """As the vendors write them."""
    assert COMMANDS["honeywell"] == (bytes.fromhex("16 54 0D"), bytes.fromhex("16 55 0D"), b"")
    assert COMMANDS["gm65"].on == bytes.fromhex("7E 00 08 01 00 02 01 AB CD")
    assert COMMANDS["gm65"].reply == REPLY
    assert crc_hqx(REPLY[1:5], 0).to_bytes(2, "big") == REPLY[5:]


@pytest.mark.parametrize("at", range(15))
@pytest.mark.parametrize("torn", range(1, 7))
def test_a_reply_goes_wherever_it_stands_and_however_it_is_cut(at: int, torn: int) -> None:
    """Before, in and behind symbols."""
    symbols = b"]E0123456\r789\r"
    stream = symbols[:at] + REPLY + symbols[at:]
    replies = ReplyFilter(REPLY, 0)
    first, n = replies.feed(stream[: at + torn], 0)
    second, more = replies.feed(stream[at + torn :], 0)
    assert (first + second, n + more) == (symbols, 1)


def test_what_merely_looks_similar_stays() -> None:
    """STX as a prefix, the beginning of a reply, one with another end."""
    for near in (b"\x026901234567892\r", REPLY[:-1] + b"\r", REPLY[:3] + REPLY[1:] + b"\r", REPLY[:-1] + b"2\r"):
        assert ReplyFilter(REPLY, 0).feed(near, 0) == (near, 0)
    assert ReplyFilter(REPLY, 0).feed(b"\x02" + REPLY + b"A\r", 0) == (b"\x02A\r", 1)


def test_no_more_of_them_than_commands() -> None:
    """One that nobody is owed is somebody's data. One may come from before the connection."""
    replies = ReplyFilter(REPLY, 0)
    replies.owe(0)
    assert replies.feed(REPLY * 3 + b"A\r", 0) == (REPLY + b"A\r", 2)
    assert replies.feed(b"\x02", 0) == (b"\x02", 0)


def test_nothing_is_owed_for_ever() -> None:
    """Commands that were never answered take nothing out of later codes, nor does one from before the connection."""
    replies = ReplyFilter(REPLY, 0)
    for _ in range(9):
        replies.owe(1)
    assert replies.feed(REPLY + b"A\r", OWED_S) == (b"A\r", 1)
    assert replies.feed(b"A" + REPLY + b"\r", 1 + OWED_S) == (b"A" + REPLY + b"\r", 0)
    assert replies._owed == []


def test_what_is_held_where_a_symbol_ends_is_of_it() -> None:
    """A code of a scanner without terminators may end with the reply's first byte."""
    replies = ReplyFilter(REPLY, 0)
    assert replies.feed(b"ABC\x02", 0) == (b"ABC", 0)
    assert replies.flush() == b"\x02"
    assert replies.feed(b"DEF", 0) == (b"DEF", 0)


def test_nothing_is_taken_of_scanners_that_do_not_reply() -> None:
    """Nor held back."""
    assert ReplyFilter(b"", 0).feed(REPLY + b"\x02", 0) == (REPLY + b"\x02", 0)


@given(
    st.lists(st.one_of(st.just(REPLY), st.binary(max_size=9), st.sampled_from([REPLY[:n] for n in range(7)]))),
    st.lists(st.integers(0, 80)),
    st.integers(1, 5),
)
def test_any_chunking_and_nothing_is_lost(parts: list[bytes], cuts: list[int], owed: int) -> None:
    """What comes out and what is still held are what came in, less whole replies, however it was cut."""
    data = b"".join(parts)
    whole, pieces = ReplyFilter(REPLY, 0), ReplyFilter(REPLY, 0)
    for _ in range(owed - 1):
        whole.owe(0)
        pieces.owe(0)
    left, n = whole.feed(data, 0)
    out, found = b"", 0
    for piece in cut(data, cuts):
        some, more = pieces.feed(piece, 0)
        out, found = out + some, found + more
    assert (out, found, pieces._held) == (left, n, whole._held)
    assert len(left) + len(whole._held) + n * len(REPLY) == len(data)
    assert n <= owed
