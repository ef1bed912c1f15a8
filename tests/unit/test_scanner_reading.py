"""What becomes of a symbol, and what is said against it."""

from typing import Any

import pytest

from drivers.scanner.codec import Symbol
from drivers.scanner.config import ScannerConfig
from drivers.scanner.reading import Reader
from model.observation import Scan
from support.context import SystemClock

AT = SystemClock().now()
DRUG = b"01069012345678921715070710A213B1\x1d211234"
LOST = DRUG.replace(b"\x1d", b"")
COLD = "冷库"


def read(
    data: bytes, symbology: str | None = None, *, by_silence: bool = False, **settings: Any
) -> tuple[Scan, str | None]:
    base = {"id": "scan1", "driver": "scanner", "port": "/dev/ttyACM0"}
    reader = Reader("scan1", ScannerConfig.model_validate({**base, **settings}))
    scan, wrong = reader.scan(Symbol(data, symbology), AT, by_silence=by_silence)
    return scan, wrong.code if wrong else None


@pytest.mark.parametrize("sign", ["|", "{GS}", "^]", "<GS>", "~"])
@pytest.mark.parametrize("symbology", ["]C1", "]d2", "]Q3", "]e0", "]J1", None])
def test_gs_comes_back_where_the_settings_name_its_substitute(sign: str, symbology: str | None) -> None:
    """In each carrier of GS1, and where no identifier says what it is."""
    scan, wrong = read(DRUG.replace(b"\x1d", sign.encode()), symbology, gs=sign)
    assert (scan.data, scan.doubt, wrong) == (DRUG, None, None)


def test_no_substitute_where_the_identifier_says_that_it_is_no_gs1() -> None:
    """A | in a plain QR code is a |; in Chinese text it may even be half of a character."""
    assert read(b"lot|date|name", "]Q1", gs="|")[0].data == b"lot|date|name"
    half = "亅".encode("gb18030")
    assert b"|" in half
    assert read(half, None, gs="|", charset="gbk")[0].data == half


@pytest.mark.parametrize("sign", [b"|", b"{GS}", b"^]", b"<GS>"])
def test_a_substitute_that_the_settings_do_not_name(sign: bytes) -> None:
    """Told, and the data left as it came."""
    data = DRUG.replace(b"\x1d", sign)
    for gs in ("", "~"):
        scan, wrong = read(data, "]d2", gs=gs)
        assert (scan.data, scan.doubt, wrong) == (data, "scan_gs_substituted", "scan_gs_substituted")
    assert read(data, "]Q1")[1] is None


def test_a_lost_gs() -> None:
    """Doubted and left as it came; of symbols without an identifier only where the settings say that they are GS1."""
    scan, wrong = read(LOST, "]d2")
    assert (scan.data, scan.doubt, wrong) == (LOST, "scan_gs_lost", "scan_gs_lost")
    assert read(LOST, "]d1")[1] is None
    assert read(LOST, None)[1] is None
    assert read(LOST, None, gs1=True)[1] == "scan_gs_lost"
    assert read(DRUG, "]d2")[0].doubt is None


def test_charset() -> None:
    """Bytes stay as they came; what is not ASCII has the charset of the settings, if it is text in that."""
    utf8, gbk = COLD.encode(), COLD.encode("gb18030")
    scan, wrong = read(utf8, "]Q1")
    assert (scan.data, scan.charset, wrong) == (utf8, None, None)
    medicine = "医药".encode("gb18030")
    assert medicine.decode()  # by chance
    assert read(medicine, "]Q1", charset="gbk")[0].charset == "gb18030"
    assert read(b"A1", "]Q1", charset="gbk")[0].charset is None
    odd = "冷".encode()
    assert read(odd, "]Q1", charset="gbk") == (read(odd, "]Q1")[0], None)  # no text in GBK
    scan, wrong = read(gbk, "]Q1", charset="gbk")
    assert (scan.data, scan.charset, scan.doubt, wrong) == (gbk, "gb18030", None, None)
    scan, wrong = read(gbk, "]Q1")
    assert (scan.data, scan.charset, scan.doubt, wrong) == (gbk, None, None, "scan_no_text")
    scan, wrong = read(b"\xff\xff", "]Q1", charset="gbk")
    assert (scan.data, scan.charset, wrong) == (b"\xff\xff", None, "scan_no_text")


def test_byte_order_mark() -> None:
    """Kept and told."""
    data = b"\xef\xbb\xbfA1"
    scan, wrong = read(data, "]Q1")
    assert (scan.data, scan.doubt, wrong) == (data, None, "scan_bom")


def test_glued() -> None:
    """A second identifier, the prefix again, the same twice over: told, and not cut."""
    two = b"01069012345678922112]d201069012345678922113"
    scan, wrong = read(two, "]d2")
    assert (scan.data, scan.doubt, wrong) == (two, "scan_glued", "scan_glued")
    assert read(b"A1\x02B2", None, prefix="\x02")[1] == "scan_glued"
    assert read(b"6901234567892" * 2, None, by_silence=True)[1] == "scan_glued"
    assert read(b"6901234567892" * 2, None)[1] is None
    assert read(b"A1A1", None, by_silence=True)[1] is None
    assert read(b"x]d2", None)[1] is None


def test_what_only_looks_glued() -> None:
    """A prefix of letters may be in the data; a bracket may be half of a Chinese character, or stand in any text."""
    assert read(b"PASS", None, prefix="S")[1] is None
    assert read(b'[["a"]x2]', "]Q1")[1] is None
    half = "乚".encode("gb18030")
    assert half.endswith(b"]")
    assert read(half + b"d2", "]Q1", charset="gbk")[1] is None


def test_capital_letters_are_left_as_they_came() -> None:
    """A scanner that flips them, as with Caps Lock on, is not guessed at."""
    assert read(b"a213b1", "]C0")[0].data == b"a213b1"
