"""The benches of UHF readers on a line. Their frames are made from the documents, not by our codecs."""

from drivers.rfid.m100.config import M100Config
from drivers.rfid.m100.driver import M100Device
from drivers.rfid.r2000.config import R2000Config
from drivers.rfid.r2000.driver import R2000Device
from drivers.rfid.uhfreader.config import UhfReaderConfig
from drivers.rfid.uhfreader.driver import UhfReaderDevice
from firmware_sim.rfid_field import gen2_crc
from firmware_sim.rfid_uhfreader import crc16
from model.observation import TagWindow
from support.driver_bench import DEVICE, IMPATIENT_S, BenchContext
from support.line_bench import LineBench, PolledBench

MODBUS_REPLY = bytes.fromhex("01 04 04 01 31 02 22 2A CE")
PAUSE_S = 0.02


def frame(kind: int, command: int, params: bytes) -> bytes:
    body = bytes((kind, command)) + len(params).to_bytes(2, "big") + params
    return b"\xbb" + body + bytes((sum(body) & 0xFF, 0x7E))


class M100(LineBench):
    """Each word is one read of another tag."""

    family, name = "rfid", "m100"
    stranger = MODBUS_REPLY
    moments = 5  # it is waited for silence
    answers = {  # noqa: RUF012
        bytes.fromhex("BB 00 03 00 01 00 04 7E"): frame(1, 0x03, b"\x00M100 26dBm V1.0"),
        bytes.fromhex("BB 00 28 00 00 28 7E"): bytes.fromhex("BB 01 28 00 01 00 2A 7E"),
        bytes.fromhex("BB 00 12 00 01 01 14 7E"): bytes.fromhex("BB 01 0C 00 01 00 0E 7E"),
    }
    impatient = {  # noqa: RUF012
        "drivers.rfid.m100.module.ANSWER_S": IMPATIENT_S,
        "drivers.rfid.talk.GAP_S": IMPATIENT_S / 3,
    }

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> M100Device:
        settings = {
            "id": DEVICE,
            "driver": "rfid_m100",
            "port": port or self.port,
            "framing": "bb",
            "rearm_s": patience_s,
            "watchdog_s": patience_s,
        }
        return M100Device(M100Config.model_validate(settings), context)

    def number(self, observation: TagWindow) -> int:
        return int(observation.epc, 16)

    def word(self, n: int) -> bytes:
        tag = bytes.fromhex("3000") + n.to_bytes(12, "big")
        return frame(2, 0x22, b"\xc9" + tag + gen2_crc(tag).to_bytes(2, "big"))

    def hear(self, asked: bytes) -> None:
        if asked in self.answers:
            self.speak(self.answers[asked])


def reply(command: int, status: int, data: bytes = b"") -> bytes:
    body = bytes((len(data) + 5, 0, command, status)) + data
    return body + crc16(body)


class UhfReader18(PolledBench):
    """Each word is an inventory that finds one tag."""

    family, name = "rfid", "uhfreader18"
    stranger = MODBUS_REPLY
    answers = {  # noqa: RUF012  of the manual's questions, the reader being 0 and asked by broadcast
        bytes.fromhex("04 FF 21 19 95"): reply(0x21, 0, bytes.fromhex("02 24 09 02 31 80 1A 00")),
        bytes.fromhex("04 FF 36") + crc16(b"\x04\xff\x36"): reply(
            0x36, 0, bytes((0, 30, 10, 15, 0, 2, 4, 0, 1, 0, 8, 0))
        ),
    }
    inventory = bytes.fromhex("04 FF 01") + crc16(b"\x04\xff\x01")
    model = "uhfreader18"

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> UhfReaderDevice:
        self._patience_s = patience_s
        settings = {
            "id": DEVICE,
            "driver": "rfid_uhfreader",
            "model": self.model,
            "port": port or self.port,
            "every_s": PAUSE_S,
            "answer_s": patience_s,
            "window_s": PAUSE_S,
        }
        return UhfReaderDevice(UhfReaderConfig.model_validate(settings), context)

    def number(self, observation: TagWindow) -> int:
        return int(observation.epc, 16)

    def word(self, n: int) -> bytes:
        return reply(0x01, 0x01, b"\x01\x0c" + n.to_bytes(12, "big"))

    def hear(self, asked: bytes) -> None:
        if asked == self.inventory:
            self.answer()
        elif asked in self.answers:
            self.speak(self.answers[asked])
        else:
            raise AssertionError(f"no such question in the manual: {asked.hex(' ')}")


class UhfReader288(UhfReader18):
    """Over TCP, with antenna and RSSI."""

    name = "uhfreader288"
    tcp = True
    complaints = {"absent": "port_unreachable"}  # noqa: RUF012
    answers = {  # noqa: RUF012
        bytes.fromhex("04 FF 21 19 95"): reply(0x21, 0, bytes.fromhex("02 24 10 02 31 80 1A 00 01 01 00 00")),
        bytes.fromhex("05 FF 76 00") + crc16(b"\x05\xff\x76\x00"): reply(0x76, 0),
    }
    _data = bytes.fromhex("0D FF 01 04 00 01 00 00 00 00 80 00")
    inventory = _data + crc16(_data)
    model = "uhfreader288"

    def word(self, n: int) -> bytes:
        return reply(0x01, 0x01, b"\x01\x01\x0c" + n.to_bytes(12, "big") + b"\x6b")


def packet(command: int, data: bytes) -> bytes:
    body = bytes((0xA0, len(data) + 3, 1, command)) + data
    return body + bytes((-sum(body) & 0xFF,))


class R2000(PolledBench):
    """Each word is an inventory that finds one tag, and its end."""

    family, name = "rfid", "r2000"
    stranger = MODBUS_REPLY
    answers = {  # noqa: RUF012  as captured
        bytes.fromhex("A0 03 01 72 EA"): bytes.fromhex("A0 05 01 72 01 09 DE"),
        bytes.fromhex("A0 04 01 74 00 E7"): bytes.fromhex("A0 04 01 74 10 D7"),
    }

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> R2000Device:
        self._patience_s = patience_s
        settings = {
            "id": DEVICE,
            "driver": "rfid_r2000",
            "port": port or self.port,
            "every_s": PAUSE_S,
            "answer_s": patience_s,
            "window_s": PAUSE_S,
        }
        return R2000Device(R2000Config.model_validate(settings), context)

    def number(self, observation: TagWindow) -> int:
        return int(observation.epc, 16)

    def word(self, n: int) -> bytes:
        return packet(0x89, b"\x8c\x30\x00" + n.to_bytes(12, "big") + b"\x37") + bytes.fromhex(
            "A0 0A 01 89 00 00 11 00 00 00 05 B6"
        )

    def hear(self, asked: bytes) -> None:
        if asked == bytes.fromhex("A0 04 01 89 01 D1"):
            self.answer()
        else:
            self.speak(self.answers[asked])
