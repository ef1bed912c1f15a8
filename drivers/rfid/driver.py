"""What the drivers of UHF readers on a line have in common: their connections, and the windows that end with each."""

from abc import ABC, abstractmethod

from drivers.common.config import SerialDeviceConfig
from drivers.common.line import Condition, Line
from drivers.common.transport import open_line
from drivers.rfid.access import Requests
from drivers.rfid.reads import Reads
from drivers.rfid.talk import settle
from model.ports import Context


class ReaderDevice(ABC):
    """Each connection is one `_serve`; what the one before has left on a line has passed, unless it is never silent.

    `_reads` and `_condition` live on over connections: `_serve` calls `_reads.begin` once it knows who speaks. However
    it ends, the windows that are open then are told behind it.
    """

    def __init__(self, config: SerialDeviceConfig, window_s: float, context: Context) -> None:
        self._serial = config
        self._context = context
        self._condition = Condition(context)
        self._reads = Reads(config.id, window_s, context, self._condition)
        self._again = False

    async def run(self) -> None:
        async with open_line(self._serial) as line:
            if self._again:
                await settle(line)
            self._again = True
            try:
                await self._serve(line)
            finally:
                self._reads.tell()

    @abstractmethod
    async def _serve(self, line: Line) -> None:
        """Find out who is there, then take its reads for ever. Raises TransientError."""


class MemoryDevice(ReaderDevice):
    """One that reaches the memory of tags, `model.ports.TagAccess`, while its requests are `opened`."""

    def __init__(self, config: SerialDeviceConfig, window_s: float, context: Context) -> None:
        super().__init__(config, window_s, context)
        self._requests = Requests(config.id)
        self.read_bank = self._requests.read_bank
        self.write_bank = self._requests.write_bank
