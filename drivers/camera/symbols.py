"""The two decoders, zxing-cpp and zbar, as one kind of answer. Runs in the child only: both have crashed their host before."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import zxingcpp

from drivers.camera.pixels import Pixels, guarded
from drivers.camera.protocol import Code, Point

try:
    from pyzbar import pyzbar
except ImportError:  # there is no libzbar: zxing-cpp reads alone
    pyzbar = None

Binarizer = zxingcpp.Binarizer

ZBAR = {
    # EAN13 says UPC too, with all 13 digits; left out are DATABAR, which aborts, and I25, which takes a part for the whole
    "EAN13": ("EAN-13", "]E0"),
    "EAN8": ("EAN-8", "]E4"),
    "CODE128": ("Code 128", None),  # zbar does not tell a first FNC1
    "CODE39": ("Code 39", "]A0"),
    "CODE93": ("Code 93", "]G0"),
    "CODABAR": ("Codabar", "]F0"),
    "QRCODE": ("QR Code", None),
}
"""What zbar may look for: its name -> format as zxing-cpp calls it, and AIM identifier where it is certain."""

CHARSETS = {3: "iso8859-1", 4: "iso8859-2", 7: "iso8859-5", 20: "shift_jis", 22: "cp1251", 23: "cp1252", 26: "utf-8", 28: "big5",
            29: "gb18030", 30: "euc_kr", 32: "gb18030"}  # fmt: skip
"""ECI that a symbol may begin with (AIM ITS/04-023) -> Python's name of the charset."""
_ECI = re.compile(rb"^\]..\\(\d{6})")
_SETTING = {
    "EAN-13": {"EANUPC", "EAN13", "UPCA", "UPCE"},
    "EAN-8": {"EANUPC", "EAN8"},
    "Code 128": {"Code128"},
    "Code 39": {"Code39"},
    "Code 93": {"Code93"},
    "Codabar": {"Codabar"},
    "QR Code": {"QRCode"},
}
"""The names in the settings that ask for a format."""


def zxing(
    pixels: Pixels, formats: Sequence[str] = (), binarizer: Any = Binarizer.LocalAverage, *, add_on: bool = False
) -> list[Code]:
    """What zxing-cpp reads; of all formats where none are named. With `add_on` only EAN and UPC that have one.

    `.bytes` are as transmitted, and `TextMode.Plain` writes no brackets and keeps the separators.
    """
    asked: Any = [getattr(zxingcpp.BarcodeFormat, name) for name in formats]
    found = guarded(
        lambda: zxingcpp.read_barcodes(
            pixels,
            formats=asked,
            text_mode=zxingcpp.TextMode.Plain,
            binarizer=binarizer,
            ean_add_on_symbol=zxingcpp.EanAddOnSymbol.Require if add_on else zxingcpp.EanAddOnSymbol.Ignore,
        )
    )
    named: dict[bytes, str] = {}
    if any(text_of(one.bytes, None) != one.text for one in found):
        named = dict(_named(pixels, asked, binarizer))
    return [_of_zxing(one, named.get(one.bytes)) for one in found]


def _named(pixels: Pixels, asked: Any, binarizer: Any) -> Iterator[tuple[bytes, str]]:
    """The symbols that name their charset, with it: what zxing-cpp says of the others is a guess."""
    for one in zxingcpp.read_barcodes(pixels, formats=asked, text_mode=zxingcpp.TextMode.HexECI, binarizer=binarizer):
        eci = _ECI.search(bytes.fromhex(one.text))
        if eci and int(eci[1]) in CHARSETS:
            yield one.bytes, CHARSETS[int(eci[1])]


def text_of(data: bytes, charset: str | None) -> str | None:
    """None where the bytes are not text in the charset, by default UTF-8."""
    try:
        return data.decode(charset or "utf-8")
    except UnicodeDecodeError:
        return None


def zbar(pixels: Pixels, formats: Iterable[str] = ()) -> list[Code]:
    """What zbar reads of the same formats; nothing where there is no libzbar."""
    if pyzbar is None:
        return []
    asked = set(formats)
    wanted = [
        getattr(pyzbar.ZBarSymbol, name)
        for name, (format_, _) in ZBAR.items()
        if not asked or asked & _SETTING[format_]
    ]
    found = guarded(pyzbar.decode, pixels, wanted) if wanted else []
    return [_of_zbar(one) for one in found if _sound(one)]


def _sound(one: Any) -> bool:
    """zbar guesses the charset of a QR code and converts it: bytes beyond ASCII are not those of the symbol."""
    return one.type != "QRCODE" or bool(one.data.isascii())


def _of_zxing(one: Any, charset: str | None) -> Code:
    margin = float((one.extra or {}).get("UEC", 0))
    text = text_of(one.bytes, charset)
    guess = one.text if text is None else None
    return Code(
        one.bytes, one.symbology_identifier, text, str(one.format), _corners(one.position), margin, charset, guess
    )


def _of_zbar(one: Any) -> Code:
    format_, aim = ZBAR[one.type]
    if one.type == "CODE128" and b"\x1d" in one.data:
        aim = "]C1"
    left, top, wide, high = one.rect
    corners = [(left, top), (left + wide, top), (left + wide, top + high), (left, top + high)]
    return Code(one.data, aim, text_of(one.data, None), format_, corners)


def _corners(position: Any) -> list[Point]:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return [(point.x, point.y) for point in points]
