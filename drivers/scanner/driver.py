"""A serial barcode scanner as a driver."""

from typing import Literal

from drivers.common.line import Condition, Line
from drivers.common.transport import open_line
from drivers.scanner.config import ScannerConfig
from drivers.scanner.lines import PlainSession
from drivers.scanner.reading import Reader
from drivers.scanner.session import Session
from drivers.scanner.ssi_session import SsiSession, Unanswered
from drivers.scanner.trigger import COMMANDS
from model.errors import TransientError
from model.ports import Context


class ScannerDevice:
    """Gives a `Scan` per symbol, `Triggering` where the settings say how. With SSI it acknowledges a symbol only when its
    record is durable.
    """

    Config = ScannerConfig

    def __init__(self, config: ScannerConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._reader = Reader(config.id, config)
        self._unanswered = Unanswered()
        self._session: Session | None = None
        self.carrier: Literal["lines", "packets"] = "lines" if config.protocol == "lines" else "packets"
        commands = COMMANDS.get(config.trigger)
        self.reply = commands.reply if commands and self.carrier == "lines" else b""

    async def run(self) -> None:
        async with open_line(self._config) as line:
            self._session = self._begin(line)
            try:
                await self._session.run()
            finally:
                self._session = None

    async def trigger(self, on: bool) -> None:
        if self._session is None:
            raise TransientError("port_unreachable", port=self._config.port, why="not connected")
        await self._session.trigger(on)

    def _begin(self, line: Line) -> Session:
        if self._config.protocol == "lines":
            return PlainSession(self._config, self._context, self._condition, line, self._reader)
        return SsiSession(self._config, self._context, self._condition, line, self._reader, self._unanswered)
