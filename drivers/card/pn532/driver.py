"""A PN532 on its serial interface as a driver: asked over and over for a card of ISO 14443 type A."""

from drivers.card.config import Pn532Config
from drivers.card.pn532.codec import (
    GET_FIRMWARE_VERSION,
    IN_LIST_PASSIVE_TARGET,
    NACK,
    RF_CONFIGURATION,
    SAM_CONFIGURATION,
    WAKE_UP,
    ChipParser,
    encode,
    uid_of,
)
from drivers.card.presence import Presence
from drivers.card.visits import visits
from drivers.common.line import Condition, Line
from drivers.common.transport import open_line
from model.errors import TransientError
from model.ports import Context

ANSWER_US = 1_000_000
"""The chip answers within milliseconds; a serial server and a busy gateway may add the rest."""

TORN_S = 0.15
"""An answer that has begun and does not go on for so long is torn: it is said in one go."""

NORMAL_MODE = b"\x01"
FEW_RETRIES = b"\x05\xff\x01\x02"
"""MaxRetries: of its values the last counts here. As the chip comes it tries for ever and answers only once a card is there."""
ONE_TYPE_A = b"\x01\x00"


class Pn532Device:
    """Gives a `Card` when one comes, and another when it is gone: see `visits`."""

    Config = Pn532Config

    def __init__(self, config: Pn532Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._presence = Presence(config.id, "iso14443a", config.gone_s, tells_gone=True)
        self._parser = ChipParser()

    async def run(self) -> None:
        self._parser = ChipParser()
        with visits(self._presence, self._context):
            async with open_line(self._config) as line:
                await self._ask(line, SAM_CONFIGURATION, NORMAL_MODE, before=WAKE_UP)
                await self._ask(line, GET_FIRMWARE_VERSION)
                self._condition.good()
                await self._ask(line, RF_CONFIGURATION, FEW_RETRIES)
                self._condition.counts_from(self._parser.dropped)
                while True:
                    await self._look(line)
                    self._parser.feed(await line.read(self._config.poll_s))  # nothing is due: it was not asked
                    dropped = self._parser.dropped
                    self._condition.counted(dropped, TransientError("card_damaged", count=dropped))

    async def _look(self, line: Line) -> None:
        """Ask which card is there."""
        uid = uid_of(await self._ask(line, IN_LIST_PASSIVE_TARGET, ONE_TYPE_A))
        at = self._context.clock.now()
        if uid is None:
            self._condition.wrong(TransientError("device_not_understood", port=self._config.port))
            return
        self._condition.good()
        if uid and (card := self._presence.heard(uid, at)):
            self._context.emit(card)
        for card in self._presence.due(at):
            self._context.emit(card)

    async def _ask(self, line: Line, command: int, params: bytes = b"", *, before: bytes = b"") -> bytes:
        """What it answers. Damaged or torn, the answer is asked for once more. Raises TransientError."""
        clock, parser = self._context.clock, self._parser
        known_dropped, heard, again = parser.dropped, False, False
        await line.write(before + encode(command, params))
        until = clock.mono() + ANSWER_US
        while (left := until - clock.mono()) > 0:
            came = await line.read(min(left / 1e6, TORN_S) if parser.pending else left / 1e6)
            heard = heard or bool(came)
            for frame in parser.feed(came) if came else parser.flush():
                if frame.kind == "error":
                    raise TransientError("card_refused", command=f"{command:02X}")
                if frame.kind == "response" and frame.command == command:
                    return frame.params
            if parser.dropped != known_dropped and not again:
                again = True
                await line.write(NACK)
        raise TransientError("device_not_understood" if heard else "device_silent", port=self._config.port)
