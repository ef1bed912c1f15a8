"""What identifies a card or tag reader on a port: the harmless question of each protocol, and what its checked answer says. Pure."""

from collections.abc import Callable
from typing import Any, NamedTuple

from drivers.card.em4100 import CardParser
from drivers.card.pn532 import codec as pn532
from drivers.common.framing import FrameParser
from drivers.rfid.m100 import codec as m100
from drivers.rfid.r2000 import codec as r2000
from drivers.rfid.uhfreader import codec as uhfreader

_IC_PN532 = 0x32
_INFORMATION_TYPE_AT = 2
_R2000_VERSION_BYTES = 2
_MODELS: dict[str, tuple[str, ...]] = {"model": ("uhfreader18", "uhfreader288")}


class Answer(NamedTuple):
    """`says` is what it says of itself; `settings` go into the settings beside driver and port.

    `choose` are settings of which it does not tell which value is right: its label does.
    """

    says: str
    settings: dict[str, Any]
    choose: dict[str, tuple[str, ...]] = {}  # noqa: RUF012  never changed


class Question(NamedTuple):
    """`before` is written first, and what comes then is no answer. `judge` gives None for a frame that is none."""

    protocol: str
    driver: str
    baudrates: tuple[int, ...]
    asked: bytes
    parser: Callable[[], FrameParser[Any]]
    judge: Callable[[Any], Answer | None]
    before: bytes = b""


def _m100(name: str) -> Question:
    framing = m100.FRAMINGS[name]

    def judge(frame: m100.Frame) -> Answer | None:
        if (frame.type, frame.command) != (m100.TYPE_RESPONSE, m100.MODULE_INFO):
            return None
        return Answer(frame.params[1:].decode("ascii", "replace"), {"framing": name})

    asked = m100.encode(framing, m100.MODULE_INFO, m100.MODULE_INFO_HARDWARE)
    return Question("m100", "rfid_m100", (115200,), asked, lambda: m100.ModuleParser(framing), judge)


def _r2000(frame: r2000.Frame) -> Answer | None:
    if frame.command != r2000.GET_VERSION or len(frame.data) != _R2000_VERSION_BYTES:
        return None
    return Answer(f"{frame.data[0]}.{frame.data[1]}", {"address": frame.address})


def _uhfreader(frame: uhfreader.Frame) -> Answer | None:
    if (frame.command, frame.status) != (uhfreader.INFORMATION, uhfreader.OK) or not uhfreader.information(frame.data):
        return None
    major, minor, kind = frame.data[: _INFORMATION_TYPE_AT + 1]
    return Answer(f"{major}.{minor} ({kind:02X})", {"address": frame.address}, _MODELS)


def _pn532(frame: pn532.Frame) -> Answer | None:
    if (frame.kind, frame.command) != ("response", pn532.GET_FIRMWARE_VERSION) or frame.params[:1] != bytes(
        (_IC_PN532,)
    ):
        return None
    return Answer(".".join(map(str, frame.params[1:3])), {})


UHFREADER = Question(
    "uhfreader",
    "rfid_uhfreader",
    (57600, 9600, 115200, 38400, 19200),
    uhfreader.encode(uhfreader.BROADCAST, uhfreader.INFORMATION),
    uhfreader.ReaderParser,
    _uhfreader,
)

QUESTIONS = (
    UHFREADER,
    _m100("bb"),
    _m100("aa"),
    Question(
        "pn532",
        "card_pn532",
        (115200,),
        pn532.encode(pn532.GET_FIRMWARE_VERSION),
        pn532.ChipParser,
        _pn532,
        before=pn532.WAKE_UP + pn532.encode(pn532.SAM_CONFIGURATION, b"\x01"),
    ),
    Question(
        "r2000",
        "rfid_r2000",
        (115200, 38400),
        r2000.encode(r2000.BROADCAST, r2000.GET_VERSION),
        r2000.ReaderParser,
        _r2000,
    ),
)
"""In this order at each baud rate: a UHFReader takes the first byte of other questions for a length, and waits for the rest."""

CARDS = Question("em4100", "card_em4100", (9600,), b"", CardParser, lambda uid: Answer(uid, {}))
"""Nothing is asked: a card is held to the reader."""


def order() -> list[tuple[int, list[Question]]]:
    """Each baud rate with its questions, those that most readers have first."""
    rates = dict.fromkeys(rate for place in range(5) for one in QUESTIONS for rate in one.baudrates[place : place + 1])
    return [(rate, [one for one in QUESTIONS if rate in one.baudrates]) for rate in rates]
