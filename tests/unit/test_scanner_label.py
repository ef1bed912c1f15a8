"""The test labels, and what they tell about the scanner that has read them."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.scanner
from drivers.scanner.config import ScannerConfig
from drivers.scanner.gs1 import lost_separator
from drivers.scanner.label import CHINESE, GS1_TEXT, TEXT, told
from drivers.scanner.lines import line_parser
from drivers.scanner.reading import Reader
from support.context import SystemClock

LABELS = Path(drivers.scanner.__file__).parent / "labels"
UTF8 = TEXT.encode()
GBK = TEXT.encode("gb18030")
RECT = re.compile(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" />')


def drawn(svg: str) -> Any:
    """The black rectangles of which the symbol consists."""
    import numpy as np

    size = re.search(r'<svg width="(\d+)" height="(\d+)"', svg)
    assert size
    width, height = map(int, size.groups())
    picture = np.full((height, width), 255, np.uint8)
    for x, y, w, h in (map(float, found) for found in RECT.findall(svg)):
        picture[round(y) : round(y + h), round(x) : round(x + w)] = 0
    return picture


@pytest.mark.parametrize(
    ("name", "aim", "data"),
    [("gs1-datamatrix", "]d2", GS1_TEXT), ("gs1-128", "]C1", GS1_TEXT), ("qr-chinese", "]Q1", UTF8)],
)
def test_the_labels_hold_what_is_looked_for(name: str, aim: str, data: bytes) -> None:
    """By another program's decoder."""
    import zxingcpp

    (symbol,) = zxingcpp.read_barcodes(drawn((LABELS / f"{name}.svg").read_text(encoding="utf-8")))
    assert (symbol.symbology_identifier, symbol.bytes) == (aim, data)


@pytest.mark.parametrize(
    ("raw", "settings"),
    [
        (b"]d2" + GS1_TEXT + b"\r", {"terminators": ["CR"], "aim": "always"}),
        (
            b"\x02]d2" + GS1_TEXT + b"\x03\r\n",
            {"terminators": ["CRLF"], "prefix": "\x02", "suffix": "\x03", "aim": "always"},
        ),
        (GS1_TEXT.replace(b"\x1d", b"{GS}") + b"\t", {"terminators": ["TAB"], "gs": "{GS}"}),
        (b"]C1" + GS1_TEXT.replace(b"\x1d", b"|") + b"\n", {"terminators": ["LF"], "aim": "always", "gs": "|"}),
        (b"]Q1" + GBK + b"\r", {"terminators": ["CR"], "aim": "always", "charset": "gbk"}),
        (b"]Q1" + UTF8, {"terminators": [], "aim": "always"}),
    ],
)
def test_the_settings_that_it_proposes_read_it(raw: bytes, settings: dict[str, object]) -> None:
    """And a driver set like that has the code as it was printed, with nothing to say against it."""
    label = told(raw)
    assert label
    assert label.settings() == settings
    config = ScannerConfig.model_validate({"id": "scan1", "driver": "scanner", "port": "/dev/ttyACM0", **settings})
    parser = line_parser(config)
    (symbol,) = parser.feed(raw) or parser.flush()
    scan, wrong = Reader("scan1", config).scan(symbol, SystemClock().now(), by_silence=not label.terminator)
    assert wrong is None
    if label.gs is None:
        assert scan.data.decode(scan.charset or "utf-8") == TEXT
    else:
        assert scan.data == GS1_TEXT


def test_a_lost_gs() -> None:
    """Nothing between lot and serial number: told, and found lost by the driver as well."""
    lost = GS1_TEXT.replace(b"\x1d", b"")
    label = told(b"]d2" + lost + b"\r")
    assert label
    assert (label.gs, "gs" in label.settings()) == (b"", False)
    assert lost_separator(lost)


def test_what_is_amiss() -> None:
    """No identifier, small letters, text that is in neither charset."""
    label = told(GS1_TEXT.swapcase() + b"\r")
    assert label
    assert (label.aim, label.turned, label.terminator) == (None, True, "CR")
    label = told(UTF8.replace(CHINESE.encode(), b"????") + b"\r")
    assert label
    assert (label.text, label.charset, label.gs) == (b"????", None, None)


def test_of_symbols_alone_nothing_is_said_about_the_line() -> None:
    """SSI, a keyboard, a camera: no terminator is to be seen."""
    label = told(b"]Q1" + GBK)
    assert label
    assert label.settings(plain=False) == {"aim": "always", "charset": "gbk"}


@given(st.binary(max_size=60))
def test_any_bytes(raw: bytes) -> None:
    """Another code is none of the labels."""
    assert told(raw) is None or b"DOORPOST" in raw.upper()
