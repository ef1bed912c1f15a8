"""Bytes of a scanner -> symbols: plain lines and SSI packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanner import ssi
from drivers.scanner.codec import ENDS, LineParser, Symbol, split_aim
from drivers.scanner.config import ScannerConfig, Terminator
from support.cutting import cut

ALL = frozenset(ENDS)
SSI_EAN13 = bytes.fromhex("12 F3 00 00 0B 36 39 30 31 32 33 34 35 36 37 38 39 32 FC 42")


def parser(*terminators: Terminator, **settings: object) -> LineParser:
    return LineParser(terminators=frozenset(terminators), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "identifier",
    [
        f"]{c}"
        for c in [
            "A0",
            "C0",
            "C1",
            "C2",
            "E0",
            "E4",
            "E3",
            "I0",
            "I1",
            "d1",
            "d2",
            "d4",
            "d5",
            "Q1",
            "Q3",
            "Q2",
            "Q4",
            "J1",
            "e0",
            "L2",
            "z0",
            "F0",
            "G0",
        ]
    ],
)
def test_aim_identifiers(identifier: str) -> None:
    """Every identifier of ISO/IEC 15424 that a door meets is taken off the front."""
    assert split_aim(identifier.encode() + b"6901234567892") == Symbol(b"6901234567892", identifier)


def test_not_an_aim_identifier() -> None:
    """A bracket alone is data."""
    assert split_aim(b"]A") == Symbol(b"]A", None)
    assert split_aim(b"x]d201") == Symbol(b"x]d201", None)


def test_group_separator_is_kept() -> None:
    """GS 0x1D ends a variable element of GS1 and belongs to the data."""
    gs1 = b"01069012345678921715070710A213B1\x1d211234"
    assert parser("CR").feed(b"]d2" + gs1 + b"\r") == [Symbol(gs1, "]d2")]


@pytest.mark.parametrize("name", ENDS)
def test_each_terminator(name: Terminator) -> None:
    """One terminator alone ends a symbol; with all of them allowed it does too, and CRLF makes no empty symbol."""
    for lines in (parser(name), parser(*ALL)):
        assert lines.feed(b"A" + ENDS[name] + b"B" + ENDS[name]) == [Symbol(b"A", None), Symbol(b"B", None)]
        assert not lines.pending
        assert not lines.dropped


def test_other_terminators_are_data() -> None:
    """Only what the settings name ends a symbol: a QR text may hold tabs and lines."""
    assert parser("CR").feed(b"a\tb\nc\r") == [Symbol(b"a\tb\nc", None)]


def test_crlf_torn_between_cr_and_lf() -> None:
    """With CR and CRLF allowed, a late LF belongs to the terminator before."""
    lines = parser("CR", "CRLF")
    assert lines.feed(b"A\r") == [Symbol(b"A", None)]
    assert lines.feed(b"\nB\r") == [Symbol(b"B", None)]
    assert not lines.dropped


def test_prefix_and_suffix() -> None:
    """Both are taken off; a symbol without them was torn and is dropped."""
    lines = parser("CR", prefix=b"\x02", suffix=b"\x03")
    assert lines.feed(b"\x02]E06901234567892\x03\r") == [Symbol(b"6901234567892", "]E0")]
    assert lines.feed(b"34567892\x03\r\x0269012\r") == []
    assert lines.dropped == 2


def test_suffix_as_terminator() -> None:
    """Without terminators the suffix separates symbols."""
    lines = parser(prefix=b"\x02", suffix=b"\x03")
    assert lines.feed(b"\x02A\x03\x02B\x03") == [Symbol(b"A", None), Symbol(b"B", None)]


@pytest.mark.parametrize(("ends", "doubt"), [(ALL, "scan_no_end"), (frozenset[Terminator](), None)])
def test_idle_flush_gives_the_symbol_of_a_scanner_without_terminator(
    ends: frozenset[Terminator], doubt: str | None
) -> None:
    """Silence ends a symbol, which is doubted where a terminator was to end it; the next one starts fresh."""
    lines = parser(*ends)
    assert lines.feed(b"]Q1hello") == []
    assert lines.flush() == [Symbol(b"hello", "]Q1", doubt)]
    assert lines.feed(b"]Q1world") == []
    assert lines.flush() == [Symbol(b"world", "]Q1", doubt)]
    assert not lines.dropped


def test_the_end_of_the_line_may_have_cut_what_waits() -> None:
    """Doubted where silence ends a symbol; where a terminator is to end it, dropped, also before the first one was seen."""
    silent, lines, new = parser(), parser("CR"), parser("CR")
    assert (new.feed(b"hal"), new.end(), new.dropped) == ([], [], 1)
    assert (silent.feed(b"hel"), silent.end()) == ([], [Symbol(b"hel", None, "scan_no_end")])
    assert (len(lines.feed(b"first\rhal")), lines.end(), lines.dropped) == (1, [], 1)
    assert silent.end() == lines.end() == []


def test_idle_flush_drops_the_torn_symbol_of_a_scanner_with_terminator() -> None:
    """Half a code is another code: it is neither given as one nor merged with the next."""
    lines = parser("CR")
    assert lines.feed(b"first\rhal") == [Symbol(b"first", None)]
    assert lines.flush() == []
    assert lines.dropped == 1
    assert lines.feed(b"f\rnext\r") == [Symbol(b"next", None)]
    assert lines.dropped == 2


def test_what_follows_a_torn_symbol() -> None:
    """Its other half is as little of a code; the next code is known by its beginning, or because it comes much later."""
    for beginning in (b"]E0", b"\x02"):
        lines = parser("CR", prefix=beginning if beginning == b"\x02" else b"")
        assert len(lines.feed(beginning + b"first\r" + beginning + b"hal")) == 1
        lines.flush()
        assert [one.data for one in lines.feed(beginning + b"next\r")] == [b"next"]
    lines = parser("CR")
    lines.feed(b"first\r\xff")
    lines.flush()
    lines.resume()
    assert lines.feed(b"next\r") == [Symbol(b"next", None)]


def test_both_halves_before_any_terminator_are_doubted() -> None:
    """Nobody knows yet whether this scanner sends terminators."""
    lines = parser("CR")
    lines.feed(b"6901234")
    assert lines.flush() == [Symbol(b"6901234", None, "scan_no_end")]
    assert lines.feed(b"567892\rA1\r") == [Symbol(b"567892", None, "scan_no_end"), Symbol(b"A1", None)]


def test_a_text_that_holds_terminators() -> None:
    """All its pieces are doubted, however many there are; the codes around it are not."""
    lines = parser(*ALL)
    codes = lines.feed(b"A1\r\nA2\r]Q1x\ny\nz\tw\rA3\r\n" * 2)
    assert [(one.data, one.doubt) for one in codes] == [
        *((data, None) for data in (b"A1", b"A2")),
        *((data, "scan_other_end") for data in (b"x", b"y", b"z", b"w")),
        *((data, None) for data in (b"A3", b"A1", b"A2")),
        *((data, "scan_other_end") for data in (b"x", b"y", b"z", b"w")),
        (b"A3", None),
    ]


@pytest.mark.parametrize("end", ["CR", "CRLF"])
def test_over_long_is_dropped_and_counted(end: Terminator) -> None:
    """The longest allowed symbol passes; one byte more is dropped once, however it comes, and the next one is whole."""
    lines = parser(end, max_bytes=10)
    assert lines.feed(b"]d20123456789" + ENDS[end]) == [Symbol(b"0123456789", "]d2")]
    for size in (11, 12, 5000):
        for byte in b"x" * size + ENDS[end]:
            assert lines.feed(bytes((byte,))) == []
    assert lines.dropped == 3
    assert lines.feed(b"ok" + ENDS[end]) == [Symbol(b"ok", None)]


def test_memory_is_bounded() -> None:
    """A line that never ends a symbol is not kept."""
    lines = parser("CR", max_bytes=100)
    for _ in range(1000):
        lines.feed(b"\x00" * 100)
    assert len(lines._rest) < 120


def test_aim_settings() -> None:
    """ "always" drops a symbol without identifier, "never" leaves all as data."""
    always = parser("CR", aim="always")
    assert always.feed(b"plain\r]E0123\r") == [Symbol(b"123", "]E0")]
    assert always.dropped == 1
    assert parser("CR", aim="never").feed(b"]E0123\r") == [Symbol(b"]E0123", None)]


def test_settings_take_control_characters_but_no_other_text() -> None:
    """Prefix and suffix are one byte per character."""
    base = {"id": "s", "driver": "scanner", "port": "/dev/ttyACM0"}
    assert ScannerConfig.model_validate({**base, "prefix": "\x02\n\xff"}).prefix == "\x02\n\xff"
    with pytest.raises(ValueError, match="prefix"):
        ScannerConfig.model_validate({**base, "prefix": "前"})


@given(
    st.binary(max_size=200),
    st.lists(st.integers(0, 200)),
    st.frozensets(st.sampled_from(sorted(ALL))),
    st.integers(1, 20),
)
def test_any_chunking_gives_the_same_symbols(
    data: bytes, cuts: list[int], ends: frozenset[Terminator], longest: int
) -> None:
    """Arbitrary bytes never raise, and where the reads are cut does not matter."""
    whole, pieces = parser(*ends, max_bytes=longest), parser(*ends, max_bytes=longest)
    expected = whole.feed(data) + whole.flush()
    assert [s for piece in cut(data, cuts) for s in pieces.feed(piece)] + pieces.flush() == expected
    assert pieces.dropped == whole.dropped


@given(st.lists(st.text("0123456789AB\x1d]-", min_size=1, max_size=30)), st.lists(st.integers(0, 500)))
def test_what_is_sent_is_what_arrives(texts: list[str], cuts: list[int]) -> None:
    """Symbols with identifier and CR come out as they went in."""
    lines = parser(*ALL)
    sent = b"".join(b"]C1" + text.encode() + b"\r" for text in texts)
    got = [symbol for piece in cut(sent, cuts) for symbol in lines.feed(piece)]
    assert got == [Symbol(text.encode(), "]C1") for text in texts]


def test_ssi_golden_packets() -> None:
    """The vendor's frames, byte for byte."""
    assert ssi.PacketParser().feed(SSI_EAN13) == [ssi.Packet(ssi.DECODE_DATA, 0, b"\x0b6901234567892")]
    assert ssi.encode(ssi.ACK) == bytes.fromhex("04 D0 04 00 FF 28")
    assert ssi.encode(ssi.NAK, ssi.NAK_RESEND) == bytes.fromhex("05 D1 04 00 01 FF 25")
    assert ssi.encode(0xE4) == bytes.fromhex("04 E4 04 00 FF 14")


@pytest.mark.parametrize("at", range(len(SSI_EAN13)))
def test_ssi_damage_is_never_a_symbol(at: int) -> None:
    """One wrong byte anywhere: no packet, counted, and the repeat after the silence is found."""
    damaged = bytearray(SSI_EAN13)
    damaged[at] ^= 0x40
    packets = ssi.PacketParser()
    assert packets.feed(bytes(damaged)) == []
    assert packets.flush()
    assert packets.dropped == 1
    assert packets.feed(SSI_EAN13 + b"\x00\x00") == [ssi.Packet(ssi.DECODE_DATA, 0, b"\x0b6901234567892")]


@pytest.mark.parametrize("noise", [b"\xff", b"\x00", SSI_EAN13[:-1] + b"\x00"])
def test_ssi_nothing_is_found_in_what_is_damaged(noise: bytes) -> None:
    """A label may hold a packet. What comes behind a silence is well, and a good packet before it too."""
    packets = ssi.PacketParser()
    good = ssi.Packet(ssi.DECODE_DATA, 0, b"\x0b6901234567892")
    assert packets.feed(SSI_EAN13 + noise + SSI_EAN13) == [good]
    assert packets.pending
    assert packets.flush()
    assert not packets.pending
    assert packets.feed(SSI_EAN13) == [good]
    assert (packets.flush(), packets.dropped) == (False, 1)


def test_ssi_echo_of_the_host_is_no_packet() -> None:
    """Our own bytes, come back on an echoing line, are not the decoder's word."""
    packets = ssi.PacketParser()
    assert packets.feed(ssi.encode(ssi.ACK)) == []


@given(st.lists(st.one_of(st.just(SSI_EAN13), st.binary(max_size=40))), st.lists(st.integers(0, 500)))
def test_ssi_any_chunking(parts: list[bytes], cuts: list[int]) -> None:
    """Arbitrary bytes never raise, and where the reads are cut does not matter."""
    data = b"".join(parts)
    whole, pieces = ssi.PacketParser(), ssi.PacketParser()
    expected = whole.feed(data)
    assert [p for piece in cut(data, cuts) for p in pieces.feed(piece)] == expected
    assert pieces.flush() == whole.flush()
    assert pieces.dropped == whole.dropped
