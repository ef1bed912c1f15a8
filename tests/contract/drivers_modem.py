"""The bench of modems: the words of 27.005 and 27.007, as a modem says them. Its word is its signal."""

from drivers.modem.config import ModemConfig
from drivers.modem.driver import ModemDevice
from model.observation import Poll
from support.driver_bench import DEVICE, BenchContext
from support.line_bench import PolledBench

OK = b"\r\nOK\r\n"
ANSWERS = {
    b"AT+CPIN?": b"\r\n+CPIN: READY\r\n" + OK,
    b"AT+CREG?": b"\r\n+CREG: 0,1\r\n" + OK,
    b"AT+CEREG?": b"\r\n+CEREG: 0,5\r\n" + OK,
    b"AT+CSCA?": b'\r\n+CSCA: "+8613800100500",145\r\n' + OK,
    b'AT+CPMS="SM","SM","SM"': b"\r\n+CPMS: 0,10,0,10,0,10\r\n" + OK,
    b"AT+CPMS?": b'\r\n+CPMS: "SM",0,10,"SM",0,10,"SM",0,10\r\n' + OK,
}


class Sms(PolledBench):
    family, name = "modem", "sms"
    stranger = b"\x02]E06901234567892\r"

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> ModemDevice:
        self._patience_s = patience_s
        settings = {"id": DEVICE, "driver": "modem_sms", "port": port or self.port}
        config = ModemConfig.model_validate({**settings, "every_s": 0.01, "answer_s": patience_s})
        return ModemDevice(config, context)

    def number(self, observation: Poll) -> int | None:
        """27.007, 8.5: 0 is -113 dBm, and each step 2 more."""
        return None if observation.values[0] is None else (observation.values[0] + 113) // 2

    def hear(self, asked: bytes) -> None:
        for command in filter(None, asked.replace(b"\x1b", b"").split(b"\r")):
            if command == b"AT+CSQ":
                self.answer()
            else:
                self.speak(ANSWERS.get(command, OK))

    def word(self, n: int) -> bytes:
        return b"\r\n+CSQ: %d,99\r\n" % n + OK
