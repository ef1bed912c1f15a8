"""A UHF reader of the 0xA0 family as a driver: real-time inventory on each antenna in turn."""

from collections.abc import Callable

from drivers.common.line import Line
from drivers.rfid.driver import ReaderDevice
from drivers.rfid.errors import error_name
from drivers.rfid.r2000 import codec
from drivers.rfid.r2000.codec import Frame, ReaderParser
from drivers.rfid.r2000.config import R2000Config
from drivers.rfid.talk import Talk
from model.errors import TransientError
from model.ports import Context
from model.time import Stamp


class R2000Device(ReaderDevice):
    """Gives a `TagWindow` per tag, antenna and window."""

    Config = R2000Config

    def __init__(self, config: R2000Config, context: Context) -> None:
        super().__init__(config, config.window_s, context)
        self._config = config

    async def _serve(self, line: Line) -> None:
        talk = Talk(line, ReaderParser(), self._context.clock, _late)
        await self._ask(talk, codec.GET_VERSION)
        await self._set_power(talk)
        self._reads.begin(talk.parser.dropped)
        self._condition.good()
        while True:
            for antenna in self._config.antennas:
                with self._reads.round(talk):
                    await self._inventory(talk, antenna)
            await self._reads.rest(talk, self._config.every_s)

    async def _set_power(self, talk: Talk[Frame]) -> None:
        """One byte for all antennas, or one for each. Raises TransientError."""
        wanted = self._config.power_dbm
        if wanted is None or set(await self._ask(talk, codec.GET_POWER)) == {wanted}:
            return
        await self._set(talk, "power_dbm", wanted, codec.SET_POWER, wanted)
        kept = await self._ask(talk, codec.GET_POWER)
        if set(kept) != {wanted}:
            told = ", ".join(map(str, kept))
            raise TransientError("rfid_setting_not_kept", setting="power_dbm", value=wanted, kept=told)

    async def _inventory(self, talk: Talk[Frame], antenna: int) -> None:
        """A frame per tag and one that ends it. The antenna is chosen each time: a reader that was without power for a
        moment has forgotten it. Raises TransientError.
        """
        await self._set(talk, "antennas", antenna, codec.SET_ANTENNA, antenna - 1)
        await talk.say(codec.encode(self._config.address, codec.INVENTORY, codec.ONCE))
        answers = self._reads.answers(talk, self._answer_to(codec.INVENTORY), self._config.answer_s)
        while True:
            frame, at = await answers.next()
            if frame.code == codec.ANTENNA_MISSING:
                raise TransientError("rfid_antenna", antenna=antenna)
            if frame.code is not None:
                raise TransientError(
                    "rfid_refused", command=f"{codec.INVENTORY:02X}", error=error_name(frame.code, codec.ERRORS)
                )
            if frame.ends:
                return
            read = codec.tag_read(frame.data)
            self._reads.take(read if read is None or read.antenna == antenna else None, at)

    async def _set(self, talk: Talk[Frame], setting: str, value: int, command: int, byte: int) -> None:
        told = await self._ask(talk, command, bytes((byte,)))
        if told != bytes((codec.SUCCESS,)):
            why = error_name(told[0], codec.ERRORS) if told else "?"
            raise TransientError("rfid_setting_refused", setting=setting, value=value, error=why)

    async def _ask(self, talk: Talk[Frame], command: int, data: bytes = b"") -> bytes:
        question = codec.encode(self._config.address, command, data)
        return (await talk.ask(question, self._answer_to(command), self._config.answer_s)).data

    def _answer_to(self, command: int) -> Callable[[Frame], bool]:
        """Whether a frame answers a command: it says so itself."""
        return lambda frame: (frame.address, frame.command) == (self._config.address, command)


def _late(_frame: Frame, _at: Stamp) -> None:
    """An answer that nobody waits for any more is none."""
