"""The benches of serial scanners: plain lines, and SSI."""

from drivers.scanner.config import ScannerConfig
from drivers.scanner.driver import ScannerDevice
from firmware_sim.scanner_ssi import ACK, DECODE_DATA, EAN13, packet
from model.observation import Scan
from support.driver_bench import DEVICE, IMPATIENT_S, BenchContext
from support.line_bench import LineBench

HOST_ACK = bytes.fromhex("04 D0 04 00 FF 28")
HOST_NAK_RESEND = bytes.fromhex("05 D1 04 00 01 FF 25")
HOST_SCAN_ENABLE = bytes.fromhex("04 E9 04 00 FF 0F")
MODBUS_REPLY = bytes.fromhex("01 04 04 01 31 02 22 2A CE")


class Lines(LineBench):
    """With everything that tells a symbol from rubbish: STX in front, AIM identifier, CR behind."""

    family, name = "scanner", "lines"
    stranger = MODBUS_REPLY
    impatient = {"drivers.common.line.SETTLE_US": round(IMPATIENT_S * 1e6)}  # noqa: RUF012

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> ScannerDevice:
        settings = {
            "id": DEVICE,
            "driver": "scanner",
            "port": port or self.port,
            "prefix": "\x02",
            "aim": "always",
            "terminators": {"CR"},
            "idle_flush_ms": round(patience_s * 1000),
        }
        return ScannerDevice(ScannerConfig.model_validate(settings), context)

    def number(self, observation: Scan) -> int:
        return int(observation.data)

    def word(self, n: int) -> bytes:
        return b"\x02]E0%013d\r" % n

    def hear(self, asked: bytes) -> None:
        raise AssertionError(f"nothing is said to such a scanner: {asked!r}")


class Ssi(LineBench):
    family, name = "scanner", "ssi"
    stranger = b"\x02]E06901234567892\r"
    impatient = {"drivers.scanner.ssi_session.ANSWER_S": IMPATIENT_S}  # noqa: RUF012

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> ScannerDevice:
        settings = {
            "id": DEVICE,
            "driver": "scanner",
            "port": port or self.port,
            "protocol": "ssi",
            "idle_flush_ms": round(patience_s * 1000),
        }
        return ScannerDevice(ScannerConfig.model_validate(settings), context)

    def number(self, observation: Scan) -> int:
        return int(observation.data)

    def word(self, n: int) -> bytes:
        return packet(DECODE_DATA, bytes((EAN13,)) + b"%013d" % n)

    def hear(self, asked: bytes) -> None:
        if HOST_SCAN_ENABLE in asked:
            self.speak(packet(ACK))
        if HOST_NAK_RESEND in asked and self._n:
            self.speak(self.word(self._n), self._n)
