"""What becomes of a symbol: a `Scan`, and what speaks against its being what was printed. Nothing is guessed. Pure."""

from drivers.scanner import gs1
from drivers.scanner.aim import SYMBOLOGIES
from drivers.scanner.codec import Symbol
from drivers.scanner.config import SymbolConfig
from model.errors import DriverError, TransientError
from model.observation import Scan
from model.time import Stamp

BOM = b"\xef\xbb\xbf"
UTF8 = "utf-8"
CODECS = {"utf-8": UTF8, "gbk": "gb18030"}
"""Setting -> Python's name. GB 18030 has all of GBK."""

_TWIN_BYTES = 8
"""A code of so many bytes is not the same twice over by chance."""


class Reader:
    """Makes scans of one device's symbols."""

    def __init__(self, device: str, config: SymbolConfig) -> None:
        self._device = device
        self._config = config
        self._gs = config.gs.encode()
        gs1.prepare()

    def scan(
        self,
        symbol: Symbol,
        at: Stamp,
        *,
        by_silence: bool = False,
        repeated: bool = False,
        torn: DriverError | None = None,
    ) -> tuple[Scan, DriverError | None]:
        """With what is wrong about it. `by_silence`: nothing but silence has ended it; `torn`: it is known not to be whole."""
        data, symbology, doubted = symbol
        # an element string is ASCII; in Chinese text a | may be half of a character
        holds_gs1 = data.isascii() and (symbology in gs1.CARRIERS or (symbology is None and self._config.gs1))
        if self._gs and data.isascii() and (holds_gs1 or symbology is None):
            data = data.replace(self._gs, gs1.GS)
        charset, oddity = self._text(data)
        text = data.decode(charset or "utf-8", "backslashreplace")
        doubt = torn or self._glued(data, text, symbology, by_silence=by_silence)
        if doubt is None and doubted:
            doubt = TransientError(doubted)
        if doubt is None and holds_gs1:
            doubt = _separators(data)
        code = None if doubt is None else doubt.code
        return Scan(self._device, data, at, symbology, repeated, charset, code), doubt or oddity

    def _glued(self, data: bytes, text: str, symbology: str | None, *, by_silence: bool) -> DriverError | None:
        """Signs of a second code in the same piece. It is not cut: where the first ends is not known."""
        middle = len(data) // 2
        twin = by_silence and middle >= _TWIN_BYTES and data[:middle] == data[middle:]
        prefix = self._config.prefix
        again = prefix and not prefix.isprintable() and prefix in text
        identified = symbology and any(identifier in text for identifier in SYMBOLOGIES)
        return TransientError("scan_glued") if twin or again or identified else None

    def _text(self, data: bytes) -> tuple[str | None, DriverError | None]:
        """The charset of the settings where the bytes are text in it, and None for UTF-8."""
        if data.startswith(BOM):
            return None, TransientError("scan_bom")
        charset = CODECS[self._config.charset]
        if not data.isascii() and charset != UTF8 and _is_text(data, charset):
            return charset, None
        if _is_text(data, UTF8):
            return None, None
        return None, TransientError("scan_no_text", charset=self._config.charset)


def _is_text(data: bytes, charset: str) -> bool:
    try:
        data.decode(charset)
    except UnicodeDecodeError:
        return False
    return True


def _separators(data: bytes) -> DriverError | None:
    found = next((sign for sign in gs1.SUBSTITUTES if sign in data), None)
    if found:
        return TransientError("scan_gs_substituted", sign=found.decode())
    return TransientError("scan_gs_lost") if gs1.lost_separator(data) else None
