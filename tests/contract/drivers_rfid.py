"""The bench of UHF modules of the M100 family."""

from drivers.rfid.config import M100Config
from drivers.rfid.driver import M100Device
from firmware_sim.rfid import gen2_crc
from model.observation import TagWindow
from support.driver_bench import DEVICE, IMPATIENT_S, BenchContext
from support.line_bench import LineBench

WHO = bytes.fromhex("BB 00 03 00 01 00 04 7E")


def frame(kind: int, command: int, params: bytes) -> bytes:
    body = bytes((kind, command)) + len(params).to_bytes(2, "big") + params
    return b"\xbb" + body + bytes((sum(body) & 0xFF, 0x7E))


class M100(LineBench):
    """Each word is one read of another tag."""

    family, name = "rfid", "m100"
    stranger = bytes.fromhex("01 04 04 01 31 02 22 2A CE")
    impatient = {"drivers.rfid.driver.ANSWER_US": round(IMPATIENT_S * 1e6)}  # noqa: RUF012

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
        if WHO in asked:
            self.speak(frame(1, 0x03, b"\x00M100 26dBm V1.0"))
