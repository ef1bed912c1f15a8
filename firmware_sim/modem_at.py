"""How a modem with AT commands answers (V.250, 3GPP TS 27.005, 27.007), and the network behind it."""

import asyncio
import re
import time
from typing import TYPE_CHECKING

from firmware_sim.modem_card import Card
from firmware_sim.modem_pdu import Submitted, submitted
from firmware_sim.plug import Attached
from firmware_sim.wire import Pty, Tcp, WireLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FAULTS = {
    "cms1": "the network refuses the message: its number is not assigned (+CMS ERROR: 1)",
    "cms38": "the network refuses the message: out of order (+CMS ERROR: 38)",
    "cms500": "the network refuses the message for no known reason (+CMS ERROR: 500)",
    "error": "the message is refused with ERROR and nothing else",
    "lost_prompt": "the prompt for a message's text does not come, and the text is waited for all the same",
    "slow": "the network takes the message `seconds` later",
    "late": "the network takes the message at once, and the modem says so `seconds` later",
    "swallowed": "the network says that it took the message, and never delivers it",
    "report": "the centre's report stands behind the message's reference (27.005, 3.5.1)",
    "interrupted": "words of the modem's own come in the middle of the answer",
    "garbled": "bytes without sense come in front of the answer",
    "silent": "a command is not answered",
}
OF_MESSAGES = {"cms1", "cms38", "cms500", "error", "lost_prompt", "slow", "late", "swallowed", "report"}

HOME, SEARCHING = 1, 2
SIM_ABSENT = 10
SUBMIT_FAILED = {"cms1": "+CMS ERROR: 1", "cms38": "+CMS ERROR: 38", "cms500": "+CMS ERROR: 500", "error": "ERROR"}
OWN_WORDS = ("RING", '+CREG: 1,"00C3","01CF"', "^MODE: 5,4", '+CMTI: "SM",1')
REPORT = ",0791683108200505F0"
GARBLE = bytes.fromhex("FF 00 C3 28 0D 0A")


class AtModem(Attached):
    """One command at a time, in the order in which they came."""

    def __init__(
        self, wire: Pty | Tcp, log: WireLog, *, register: float, network: float, places: int, sim: str
    ) -> None:
        super().__init__(wire, log)
        self._register_s = register
        self._network_s = network
        self._sim = sim
        self._card = Card(places)
        self._rssi = 20
        self._prompt = "\r\n> "
        self._status: int | None = None  # of the registration, where it was set by hand
        self._sent = 0
        self._phones: dict[tuple[str, int, int], dict[int, str]] = {}
        self._fault = ("", 0, 0.0)
        self._text: Callable[[bytes], Awaitable[None]] | None = None  # who waits for a message's text
        self._restarted = asyncio.Event()
        self._boot()

    def _boot(self) -> None:
        """Whoever waits for the network gets no answer any more."""
        self._restarted.set()
        self._restarted = asyncio.Event()
        self._echo, self._verbose, self._format, self._announce = True, 0, 1, False
        self._booted = time.monotonic()
        self._text = None

    # the line

    async def _listen(self) -> None:
        buffer = b""
        while True:
            buffer += await self._wire.read()
            while found := re.search(rb"[\x1a\x1b]" if self._text else rb"\r", buffer):
                words, mark, buffer = buffer[: found.start()], found[0], buffer[found.end() :]
                taking, self._text = self._text, None
                if taking is None:
                    await self._hear(words)
                elif mark == b"\x1a":
                    await taking(words)
                else:
                    self._answer()

    async def _hear(self, words: bytes) -> None:
        """What is before AT is nothing."""
        line = words.decode("latin-1").upper()
        if self._echo:
            self._wire.write(words + b"\r")
        _, at, rest = line.partition("AT")
        if not at:
            return
        self._log("command", text=at + rest)
        if self._spoilt({"silent"}):
            return
        self._obey(rest.strip())

    def _answer(self, *lines: str, end: str = "OK") -> None:
        own = self._spoilt({"interrupted"})
        said = GARBLE if self._spoilt({"garbled"}) else b""
        for line in lines:
            for part in line.split("\n"):
                said += f"\r\n{part}\r\n".encode()
                said += "".join(f"\r\n{one}\r\n" for one in OWN_WORDS if own).encode()
        self._wire.write(said + f"\r\n{end}\r\n".encode())

    def _fail(self, group: str, number: int, words: str) -> None:
        end = ("ERROR", f"+{group} ERROR: {number}", f"+{group} ERROR: {words}")[self._verbose]
        self._answer(end=end)

    def _say(self, line: str) -> None:
        """By itself."""
        self._wire.write(f"\r\n{line}\r\n".encode())

    def _spoilt(self, kinds: set[str]) -> str | None:
        """The kind of fault that spoils this one."""
        kind, left, seconds = self._fault
        if kind not in kinds or not left:
            return None
        self._fault = kind, left - 1, seconds
        self._log("fault", what=kind)
        return kind

    # commands of the host

    @property
    def _registration(self) -> int:
        if self._sim != "READY":
            return 0
        if self._status is not None:
            return self._status
        return HOME if time.monotonic() - self._booted >= self._register_s else SEARCHING

    def _obey(self, rest: str) -> None:
        name, mark, value = re.fullmatch(r"(\+?[A-Z]*)([=?]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
        match name, mark:
            case ("", "") | ("E", ""):
                if name:
                    self._echo = value != "0"
                self._answer()
            case "+CMEE", "=" if value in ("0", "1", "2"):
                self._verbose = int(value)
                self._answer()
            case "+CPIN", "?" if self._sim == "absent":
                self._fail("CME", SIM_ABSENT, "SIM not inserted")
            case "+CPIN", "?":
                self._answer(f"+CPIN: {self._sim}")
            case "+CSQ", "":
                self._answer(f"+CSQ: {self._rssi},99")
            case (("+CREG" | "+CEREG"), "?"):
                self._answer(f"{name}: 0,{self._registration}")
            case _ if self._sim != "READY":
                self._fail("CMS", 310, "SIM not inserted")
            case (("+CSCA" | "+CMGF" | "+CNMI" | "+CPMS"), _):
                self._set_up(name, mark, value)
            case _:
                self._of_messages(name, mark, value)

    def _set_up(self, name: str, mark: str, value: str) -> None:
        used = f"{len(self._card.kept)},{self._card.places}"
        match name, mark:
            case "+CSCA", "?":
                self._answer('+CSCA: "+8613800100500",145')
            case "+CMGF", "=" if value in ("0", "1"):
                self._format = int(value)
                self._answer()
            case "+CNMI", "=":
                self._announce = value.split(",")[1:2] == ["1"]
                self._answer()
            case "+CPMS", "=" if set(value.split(",")) == {'"SM"'}:
                self._answer(f"+CPMS: {used},{used},{used}")
            case "+CPMS", "?":
                self._answer("+CPMS: " + ",".join([f'"SM",{used}'] * 3))
            case _:
                self._answer(end="ERROR")

    def _of_messages(self, name: str, mark: str, value: str) -> None:
        match name, mark:
            case "+CMGL", "=" if self._format == 0 and value == "4":
                listed = [(place, kept, self._card.read(place)) for place, kept in sorted(self._card.kept.items())]
                self._answer(*(f"+CMGL: {n},{k.status},,{k.length}\n{k.pdu.hex().upper()}" for n, k, _ in listed))
            case "+CMGR", "=" if self._format == 0 and value.isdecimal():
                found = self._card.read(int(value))
                self._answer(*([f"+CMGR: {found.status},,{found.length}\n{found.pdu.hex().upper()}"] if found else []))
            case "+CMGD", "=" if value.isdecimal() and int(value) <= self._card.places:
                self._card.kept.pop(int(value), None)
                self._log("deleted", place=int(value))
                self._answer()
                self._arrived(self._card.settle())
            case "+CMGS", "=" if value.strip('"').isdecimal():
                self._text = lambda words: self._submit(value, words)
                if not self._spoilt({"lost_prompt"}):
                    self._wire.write(self._prompt.encode())
            case _:
                self._answer(end="ERROR")

    def _submitted(self, value: str, words: bytes) -> Submitted:
        """In text mode the command has the number, and the text is what it is (27.005, 3.5.1)."""
        text = words.decode("ascii")
        if self._format == 1:
            return Submitted(value.strip('"'), text, 0, 1, 1)
        pdu = bytes.fromhex(text)
        if int(value) != len(pdu) - 1 - pdu[0]:
            raise ValueError("another length")
        return submitted(pdu[1 + pdu[0] :])

    async def _submit(self, value: str, words: bytes) -> None:
        """The network's answer comes when it comes."""
        try:
            one = self._submitted(value, words)
        except (ValueError, KeyError, IndexError):
            self._answer(end="+CMS ERROR: 304")
            return
        seconds = self._fault[2]
        kind = self._spoilt(OF_MESSAGES)
        if await self._is_restarted(seconds if kind == "slow" else self._network_s):
            return
        if kind in SUBMIT_FAILED:
            self._answer(end=SUBMIT_FAILED[kind])
        elif self._registration not in (HOME, 5):
            self._answer(end="+CMS ERROR: 331")
        else:
            self._take(one, swallowed=kind == "swallowed")
            if not await self._is_restarted(seconds if kind == "late" else 0):
                self._answer(f"+CMGS: {self._sent}" + (REPORT if kind == "report" else ""))

    async def _is_restarted(self, seconds: float) -> bool:
        """Within that time."""
        restarted = self._restarted
        try:
            async with asyncio.timeout(seconds):
                await restarted.wait()
        except TimeoutError:
            return False
        return True

    def _take(self, one: Submitted, *, swallowed: bool) -> None:
        """It is in the network: the log has it before the modem says so."""
        self._sent = (self._sent + 1) & 0xFF
        self._log("part", number=one.number, text=one.text, ref=one.ref, total=one.total, n=one.n, lost=swallowed)
        parts = self._phones.setdefault((one.number, one.ref, one.total), {})
        if not swallowed:
            parts[one.n] = one.text
        if len(parts) == one.total:
            text = "".join(parts[n] for n in range(1, one.total + 1))
            self._phones.pop((one.number, one.ref, one.total))
            self._log("sms", number=one.number, text=text, parts=one.total)

    def _arrived(self, places: list[int]) -> None:
        for place in places:
            if self._announce:
                self._say(f'+CMTI: "SM",{place}')
