"""A UHF module of the M100/R200 family as a driver. It reads only: inventory, and who the module is."""

from math import inf

from drivers.common.line import Condition, Line
from drivers.common.transport import open_line
from drivers.rfid.codec import (
    ERROR_NO_TAG,
    FAILURE,
    FRAMINGS,
    MODULE_INFO,
    MODULE_INFO_HARDWARE,
    MULTI_INVENTORY,
    MULTI_INVENTORY_LONGEST,
    SINGLE_INVENTORY,
    TYPE_NOTIFICATION,
    TYPE_RESPONSE,
    Frame,
    ModuleParser,
    encode,
    tag_read,
)
from drivers.rfid.config import M100Config
from drivers.rfid.window import Windows
from model.errors import TransientError
from model.ports import Context
from model.time import Stamp

ANSWER_US = 1_000_000
"""A module answers within milliseconds; a serial server and a busy gateway may add the rest."""


class M100Device:
    """Gives a `TagWindow` per tag and window."""

    Config = M100Config

    def __init__(self, config: M100Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._windows = Windows(config.id, config.window_s)
        self._damaged_tags = 0
        self._known_dropped = 0

    async def run(self) -> None:
        async with open_line(self._config) as line:
            parser = await self._identify(line)
            self._damaged_tags, self._known_dropped = 0, parser.dropped
            try:
                await self._inventory(line, parser)
            finally:
                self._emit_windows(inf)

    async def _identify(self, line: Line) -> ModuleParser:
        """Ask who it is, in each framing that may be.

        Tags that come before the answer were read when nobody looked at the clock: they are left out.
        """
        clock = self._context.clock
        asked = [self._config.framing] if self._config.framing != "auto" else list(FRAMINGS)
        heard = False
        for name in asked:
            parser = ModuleParser(FRAMINGS[name])
            await line.write(encode(parser.framing, MODULE_INFO, MODULE_INFO_HARDWARE))
            until = clock.mono() + ANSWER_US
            while (left := until - clock.mono()) > 0:
                came = await line.read(left / 1e6)
                heard = heard or bool(came)
                if any(f.type == TYPE_RESPONSE and f.command == MODULE_INFO for f in parser.feed(came)):
                    self._condition.good()
                    return parser
        raise TransientError("device_not_understood" if heard else "device_silent", port=self._config.port)

    async def _inventory(self, line: Line, parser: ModuleParser) -> None:
        config, clock = self._config, self._context.clock
        rearm_us, watchdog_us = round(config.rearm_s * 1e6), round(config.watchdog_s * 1e6)
        start_inventory = encode(parser.framing, MULTI_INVENTORY, MULTI_INVENTORY_LONGEST)
        await line.write(start_inventory)
        heard = armed = clock.mono()
        asked: int | None = None
        while True:
            doubt = heard + watchdog_us if asked is None else asked + ANSWER_US
            wake = min(doubt, max(heard, armed) + rearm_us, self._windows.next_due or doubt)
            came = await line.read(max(0, wake - clock.mono()) / 1e6)
            at = clock.now()
            self._emit_windows(at.mono)
            silent = not came and at.mono >= max(heard, armed) + rearm_us
            for frame in parser.flush() if silent else parser.feed(came):
                heard, asked = at.mono, None
                self._take(frame, at)
            self._note_damage(parser.dropped + self._damaged_tags)
            if silent:
                await line.write(start_inventory)
                armed = at.mono
            if asked is None and at.mono >= heard + watchdog_us:
                await line.write(encode(parser.framing, MODULE_INFO, MODULE_INFO_HARDWARE))
                asked = at.mono
            elif asked is not None and at.mono >= asked + ANSWER_US:
                raise TransientError("device_silent", port=config.port)

    def _take(self, frame: Frame, at: Stamp) -> None:
        if frame.command == FAILURE and frame.params[:1] != ERROR_NO_TAG:
            self._condition.wrong(TransientError("rfid_refused", error=frame.params[:1].hex()))
            return
        if frame.type == TYPE_NOTIFICATION and frame.command in (SINGLE_INVENTORY, MULTI_INVENTORY):
            read = tag_read(frame.params)
            if read is None:
                self._damaged_tags += 1
                return
            if (arrived := self._windows.add(read, at)) is not None:
                self._context.emit(arrived)
        self._condition.good()

    def _emit_windows(self, mono: float) -> None:
        for window in self._windows.due(mono):
            self._context.emit(window)

    def _note_damage(self, dropped: int) -> None:
        if dropped != self._known_dropped:
            self._known_dropped = dropped
            self._condition.wrong(TransientError("rfid_damaged", count=dropped))
