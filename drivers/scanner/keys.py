"""Keys that a scanner types on a US keyboard -> symbols. Pure.

Numbers of types and keys are those of <linux/input-event-codes.h>.
"""

from collections.abc import Collection
from typing import NamedTuple

from drivers.scanner.codec import TORN_S, LineParser, Symbol
from model.errors import DriverError, TransientError

EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
UP, DOWN = 0, 1

_CTRL, _SHIFT, _ALT = {29, 97}, {42, 54}, {56, 100}
_HELD = _CTRL | _SHIFT | _ALT
_CAPSLOCK = 58
_SILENT = {_CAPSLOCK, 69, 70}
"""With Num Lock and Scroll Lock, which scanners press around an ALT sequence."""
_FIXED = {28: b"\r", 96: b"\r", 15: b"\t", 66: b"\x1d"}
"""Enter, Enter of the keypad, Tab, and F8, which stands for GS."""


def _layout() -> dict[int, tuple[str, str]]:
    """Key -> the character without and with shift."""
    rows = (
        (2, "1234567890-=", "!@#$%^&*()_+"),
        (16, "qwertyuiop[]", "QWERTYUIOP{}"),
        (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
        (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
        (55, "*", "*"),
        (57, " ", " "),
        (71, "789-456+1230.", "789-456+1230."),
        (98, "/", "/"),
    )
    return {
        first + i: pair for first, plain, shifted in rows for i, pair in enumerate(zip(plain, shifted, strict=True))
    }


_LAYOUT = _layout()
_ENDS = (b"\r", b"\n", b"\t")
_KEYPAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}


class Typed(NamedTuple):
    """A symbol, or nothing of it that could be kept; whether nothing but silence has ended it, and what speaks against its
    being whole.
    """

    symbol: Symbol | None
    by_silence: bool
    wrong: DriverError | None


class Decoder:
    """Events as the kernel gives them, with its time in seconds. `gap_s` without one ends what nothing else ends."""

    def __init__(self, parser: LineParser, gap_s: float) -> None:
        self._parser = parser
        self.gap_s = gap_s
        self._held: set[int] = set()
        self._capitals = self._capitals_at_rest = False
        self._lost = False  # events, since which nobody knows what is held
        self._number: str | None = None  # typed on the keypad while ALT is held
        self._wrong: DriverError | None = None
        self._at = 0.0

    @property
    def pending(self) -> bool:
        """Whether a symbol has begun."""
        return self._parser.pending or self._wrong is not None

    @property
    def dropped(self) -> int:
        return self._parser.dropped

    @property
    def unsure(self) -> bool:
        """Whether what is held between two symbols is to be asked for: none is, of a scanner, unless events were lost."""
        return self._lost or bool(self._held) or self._capitals != self._capitals_at_rest

    def settle(self, held: Collection[int], *, capitals: bool) -> None:
        """What the kernel says of its keys, and of the light that the scanner goes by."""
        self._held = _HELD & set(held)
        self._capitals = self._capitals_at_rest = capitals
        self._number = None
        self._lost = False

    def take(self, kind: int, code: int, value: int, at: float) -> list[Typed]:
        ended = self.flush() if self.pending and at - self._at >= self.gap_s else []
        if kind == EV_SYN and code == SYN_DROPPED:
            self._held.clear()
            self._lost = True
            self._wrong = TransientError("scan_keys_lost")
        if kind != EV_KEY or value not in (UP, DOWN):
            return ended  # also a key's own repeat: a scanner types each character
        if at - self._at >= TORN_S:
            self._parser.resume()
        self._at = at
        typed = self._pressed(code) if value == DOWN else self._released(code)
        return ended + self._symbols(self._parser.feed(typed), ended=typed in _ENDS)

    def flush(self) -> list[Typed]:
        """No key came for so long."""
        return self._symbols(self._parser.flush(), ended=True, by_silence=True)

    def end(self) -> list[Typed]:
        """Nobody listens any more: what has begun may be half."""
        return self._symbols(self._parser.end(), ended=True, by_silence=True)

    def _symbols(self, symbols: list[Symbol], *, ended: bool, by_silence: bool = False) -> list[Typed]:
        if not symbols and not (ended and self._wrong):
            return []
        wrong, self._wrong = self._wrong or (TransientError("scan_keys_lost") if self._lost else None), None
        return [Typed(symbol, by_silence, wrong) for symbol in symbols or (None,)]

    def _pressed(self, code: int) -> bytes:
        if code in _HELD:
            self._held.add(code)
            if code in _ALT:
                self._number = ""
            return b""
        if code == _CAPSLOCK:
            self._capitals = not self._capitals
        if code in _SILENT:
            return b""
        if self._held & _ALT:
            return self._with_alt(code)
        if code in _FIXED:
            return _FIXED[code]
        if code not in _LAYOUT:
            return self._unknown(code)
        return self._with_ctrl(code) if self._held & _CTRL else self._character(code).encode()

    def _with_ctrl(self, code: int) -> bytes:
        """Ctrl takes the upper three bits off: @ to _ become 00 to 1F."""
        character = self._character(code).upper()
        return bytes((ord(character) & 0x1F,)) if "@" <= character <= "_" else self._unknown(code)

    def _character(self, code: int) -> str:
        plain, shifted = _LAYOUT[code]
        shift = bool(self._held & _SHIFT)
        return shifted if shift != (self._capitals and plain.isalpha()) else plain

    def _with_alt(self, code: int) -> bytes:
        if code not in _KEYPAD or self._number is None:
            return self._unknown(code)
        self._number += _KEYPAD[code]
        return b""

    def _released(self, code: int) -> bytes:
        self._held.discard(code)
        if code not in _ALT or self._held & _ALT:
            return b""
        number, self._number = self._number, None
        if not number:
            return b""
        if int(number) < 0x80:
            return bytes((int(number),))
        self._wrong = TransientError("scan_not_ascii", number=number)
        return b""

    def _unknown(self, code: int) -> bytes:
        self._wrong = TransientError("scan_key_unknown", key=code)
        return b""
