"""A UHFReader18 or 288M as a driver: it is asked for its tags again and again, and for the memory of one by who wants it."""

from drivers.common.line import Line
from drivers.rfid.driver import MemoryDevice
from drivers.rfid.talk import Talk
from drivers.rfid.uhfreader.codec import UNASKED, Frame, ReaderParser
from drivers.rfid.uhfreader.config import UhfReaderConfig
from drivers.rfid.uhfreader.reader import Reader
from model.errors import TransientError
from model.ports import Context
from model.time import Stamp


class UhfReaderDevice(MemoryDevice):
    """Gives a `TagWindow` per tag, antenna and window."""

    Config = UhfReaderConfig

    def __init__(self, config: UhfReaderConfig, context: Context) -> None:
        super().__init__(config, config.window_s, context)
        self._config = config

    async def _serve(self, line: Line) -> None:
        talk = Talk(line, ReaderParser(self._config.address), self._context.clock, self._unasked)
        reader = Reader(talk, self._reads, self._config)
        await reader.begin()
        self._reads.begin(talk.parser.dropped)
        self._condition.good()
        with self._requests.opened():
            while True:
                for antenna in self._config.antennas:
                    with self._reads.round(talk):
                        await reader.inventory(antenna)
                await self._requests.serve(reader)
                await self._reads.rest(talk, self._config.every_s)

    def _unasked(self, frame: Frame, _at: Stamp) -> None:
        """A late answer is none; what a reader pushes may be anything that its mode is set to."""
        if frame.command == UNASKED:
            self._condition.wrong(TransientError("rfid_active_mode"))
