"""The benches of card readers."""

from typing import Any

from drivers.card.config import Em4100Config, LinesConfig, Pn532Config
from drivers.card.driver import Em4100Device, LinesDevice
from drivers.card.pn532.driver import Pn532Device
from model.observation import Card
from support.driver_bench import DEVICE, IMPATIENT_S, BenchContext
from support.line_bench import LineBench, PolledBench

MODBUS_REPLY = bytes.fromhex("01 04 04 01 31 02 22 2A CE")


SOON_SETTLED: dict[str, object] = {"drivers.common.line.SETTLE_US": round(IMPATIENT_S * 1e6)}


def settings(port: str, **more: Any) -> dict[str, Any]:
    return {"id": DEVICE, "driver": "card", "port": port, **more}


class Rdm6300(LineBench):
    """Each word is one frame of another card."""

    family, name = "card", "rdm6300"
    stranger = MODBUS_REPLY
    impatient = SOON_SETTLED
    tail = b"\x03"

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> Em4100Device:
        values = settings(port or self.port, idle_flush_ms=round(patience_s * 1000))
        return Em4100Device(Em4100Config.model_validate(values), context)

    def number(self, observation: Card) -> int | None:
        return int(observation.uid, 16) if observation.present else None

    def word(self, n: int) -> bytes:
        digits = f"{n:010X}"
        checksum = 0
        for i in range(0, 10, 2):
            checksum ^= int(digits[i : i + 2], 16)
        return b"\x02" + digits.encode() + f"{checksum:02X}".encode() + self.tail

    def hear(self, asked: bytes) -> None:
        raise AssertionError(f"nothing is said to such a reader: {asked!r}")


class Id12la(Rdm6300):
    family, name = "card", "id12la"
    tail = b"\r\n\x03"


class Lines(LineBench):
    family, name = "card", "lines"
    stranger = b"\x02]E06901234567892\r"
    impatient = SOON_SETTLED

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> LinesDevice:
        values = settings(port or self.port, pattern=r"No\.(?P<uid>[0-9]{10})", idle_flush_ms=round(patience_s * 1000))
        return LinesDevice(LinesConfig.model_validate(values), context)

    def number(self, observation: Card) -> int:
        assert observation.present
        return int(observation.uid)

    def word(self, n: int) -> bytes:
        return b"No.%010d\r" % n

    def hear(self, asked: bytes) -> None:
        raise AssertionError(f"nothing is said to such a reader: {asked!r}")


ACK = bytes.fromhex("00 00 FF 00 FF 00")
NACK = bytes.fromhex("00 00 FF FF 00 00")
COMMANDS = {
    "SAMConfiguration": bytes.fromhex("00 00 FF 03 FD D4 14 01 17 00"),
    "GetFirmwareVersion": bytes.fromhex("00 00 FF 02 FE D4 02 2A 00"),
    "RFConfiguration": bytes.fromhex("00 00 FF 06 FA D4 32 05 FF 01"),
    "InListPassiveTarget": bytes.fromhex("00 00 FF 04 FC D4 4A 01 00 E1 00"),
}
ANSWERS = {
    "SAMConfiguration": bytes.fromhex("00 00 FF 02 FE D5 15 16 00"),
    "GetFirmwareVersion": bytes.fromhex("00 00 FF 06 FA D5 03 32 01 06 07 E8 00"),
    "RFConfiguration": bytes.fromhex("00 00 FF 02 FE D5 33 F8 00"),
}


class Pn532(PolledBench):
    """A word is the card that is there when it is asked."""

    family, name = "card", "pn532"
    stranger = MODBUS_REPLY
    impatient = {"drivers.card.pn532.driver.ANSWER_US": round(IMPATIENT_S * 1e6)}  # noqa: RUF012

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> Pn532Device:
        self._patience_s = patience_s
        return Pn532Device(Pn532Config.model_validate(settings(port or self.port, poll_s=0.01, gone_s=0.1)), context)

    def number(self, observation: Card) -> int | None:
        return int(observation.uid, 16) if observation.present else None

    def word(self, n: int) -> bytes:
        data = bytes.fromhex("D5 4B 01 01 00 04 08 07") + n.to_bytes(7, "big")
        return ACK + b"\x00\x00\xff" + bytes((len(data), 256 - len(data))) + data + bytes((-sum(data) & 0xFF, 0))

    def hear(self, asked: bytes) -> None:
        for name, command in COMMANDS.items():
            if command in asked:
                if name in ANSWERS:
                    self.speak(ACK + ANSWERS[name])
                else:
                    self.answer()
        if NACK in asked:
            self.answer()
