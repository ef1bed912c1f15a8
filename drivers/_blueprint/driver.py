"""The blueprint as a driver: asks, believes the answer to its very question only, and leaves all retrying to the supervisor."""

import asyncio
from itertools import cycle

from drivers._blueprint.codec import Answer, AnswerParser, encode
from drivers._blueprint.config import BlueprintConfig
from drivers.common.line import Condition, Line
from drivers.common.transport import open_line
from model.errors import TransientError
from model.observation import Point, PointMap, Poll, Quality
from model.ports import Context

POINTS = (Point("temperature", "Cel", 0.1, label={"en": "Temperature", "zh": "温度"}),)


class BlueprintDevice:
    """Gives a `Poll` per answer. Raises TransientError `device_silent`, `device_not_understood` and those of the port."""

    Config = BlueprintConfig

    def __init__(self, config: BlueprintConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._numbers = cycle(range(256))  # goes on over a restart of `run`: an answer may be as late as that

    @staticmethod
    def point_map(config: BlueprintConfig) -> PointMap:
        return PointMap(config.id, "blueprint", 1, POINTS)

    async def run(self) -> None:
        async with open_line(self._config) as line:
            parser = AnswerParser()
            for number in self._numbers:
                self._tell(await self._ask(line, parser, number))
                await asyncio.sleep(self._config.every_s)

    async def _ask(self, line: Line, parser: AnswerParser, number: int) -> Answer:
        """The answer to this question; one to an earlier question comes too late and is nobody's."""
        dropped, heard = parser.dropped, False
        give_up = asyncio.get_running_loop().time() + self._config.answer_s
        await line.write(encode(number))
        while (left := give_up - asyncio.get_running_loop().time()) > 0:
            came = await line.read(left)
            heard = heard or bool(came)
            for answer in parser.feed(came):
                if answer.number == number:
                    if parser.dropped == dropped:
                        self._condition.good()
                    else:  # noise in front of it
                        self._condition.wrong(TransientError("device_not_understood", port=line.port))
                    return answer
        raise TransientError("device_not_understood" if heard else "device_silent", port=line.port)

    def _tell(self, answer: Answer) -> None:
        quality = [Quality.SENSOR_FAULT] if answer.tenths is None else None
        at = self._context.clock.now()
        self._context.emit(Poll(self._config.id, self.point_map(self._config), [answer.tenths], at, quality))
