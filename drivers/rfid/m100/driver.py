"""A UHF module of the M100/R200 family as a driver: an endless inventory, and the memory of tags for who asks."""

from drivers.common.line import Line
from drivers.rfid.driver import MemoryDevice
from drivers.rfid.errors import error_name
from drivers.rfid.m100 import codec
from drivers.rfid.m100.codec import FRAMINGS, Frame, ModuleParser, tag_read
from drivers.rfid.m100.config import M100Config
from drivers.rfid.m100.module import Module
from drivers.rfid.talk import Talk
from model.errors import TransientError
from model.ports import Context
from model.time import Stamp

REQUESTED_S = 0.5
"""So soon who wants a tag's memory is seen, also where the module says nothing."""
UNMASK_S = 30.0
"""So often a module that may hide tags is told again not to: while it does not answer it reads nothing for seconds."""


class M100Device(MemoryDevice):
    """Gives a `TagWindow` per tag and window."""

    Config = M100Config

    def __init__(self, config: M100Config, context: Context) -> None:
        super().__init__(config, config.window_s, context)
        self._config = config
        self._module: Module | None = None
        self._heard = 0
        self._masked: bool | None = None
        self._unmask_at = 0.0

    async def _serve(self, line: Line) -> None:
        talk, module = await self._identify(line)
        module.masked = self._masked
        self._unmask_at = 0.0
        self._reads.begin(talk.parser.dropped)
        try:
            with self._requests.opened():
                await self._inventory(talk, module)
        finally:
            self._masked = module.masked
            self._module = None

    async def _identify(self, line: Line) -> tuple[Talk[Frame], Module]:
        """Ask who it is, in each framing that may be."""
        asked = [self._config.framing] if self._config.framing != "auto" else list(FRAMINGS)
        heard = False
        for name in asked:
            talk = Talk(line, ModuleParser(FRAMINGS[name]), self._context.clock, self._take)
            module = Module(talk, FRAMINGS[name], self._config)
            try:
                await module.who()
            except TransientError as err:
                if err.code == "port_gone":
                    raise
                heard = heard or err.code == "device_not_understood"
            else:
                return talk, module
        raise TransientError("device_not_understood" if heard else "device_silent", port=self._config.port)

    async def _inventory(self, talk: Talk[Frame], module: Module) -> None:
        config, clock = self._config, self._context.clock
        rearm_us, watchdog_us = round(config.rearm_s * 1e6), round(config.watchdog_s * 1e6)
        self._heard = armed = await self._arm(module)
        self._module = module
        self._well(module)
        doubted = self._heard + watchdog_us
        while True:
            silent_at = max(self._heard, armed) + rearm_us
            wake = min(doubted, silent_at, self._reads.next_due or doubted)
            came = await talk.hear(min((wake - clock.mono()) / 1e6, REQUESTED_S))
            now = clock.mono()
            self._reads.tell(now)
            self._reads.damage(talk.parser.dropped)
            if self._requests:
                await module.hold()
                await self._requests.serve(module)
                armed = await self._arm(module)
            elif (not came and now >= silent_at) or (module.masked is None and now >= self._unmask_at):
                armed = await self._arm(module)
            if now >= self._heard + watchdog_us:
                await self._doubt(module)
            doubted = self._heard + watchdog_us

    async def _arm(self, module: Module) -> int:
        """When it was. Raises TransientError."""
        clock = self._context.clock
        unmask = module.masked is None and clock.mono() >= self._unmask_at
        await module.arm(unmask)
        armed = clock.mono()
        if unmask:
            self._unmask_at = armed + UNMASK_S * 1e6
            self._well(module)
        return armed

    def _well(self, module: Module) -> None:
        """It is, but for tags that it may hide."""
        self._condition.heard(TransientError("rfid_mask_left") if module.masked is None else None)

    async def _doubt(self, module: Module) -> None:
        """Nothing was heard for so long: is it still there? Any word of it will do. Raises TransientError."""
        before = self._heard
        try:
            await module.who()
        except TransientError as err:
            if err.code == "port_gone" or self._heard == before:
                raise
        self._heard = self._context.clock.mono()

    def _take(self, frame: Frame, at: Stamp) -> None:
        """What the module says by itself. Tags that come before its settings are confirmed are left out."""
        module = self._module
        if module is None:
            return
        self._heard = at.mono
        if frame.command == codec.FAILURE and not codec.no_tag(frame):
            name = error_name(frame.params[0], codec.ERRORS) if frame.params else "?"
            self._condition.wrong(TransientError("rfid_refused", command="27", error=name))
            return
        if frame.type == codec.TYPE_NOTIFICATION and frame.command in (codec.SINGLE_INVENTORY, codec.MULTI_INVENTORY):
            read = tag_read(frame.params)
            self._reads.take(read, at)
            if read is None:
                return
            module.saw(read.epc, read.pc or "")
        self._well(module)
