"""The bench of the blueprint: its simulator, written from the head of its codec, and not with it."""

from drivers._blueprint.config import BlueprintConfig
from drivers._blueprint.driver import BlueprintDevice
from model.observation import Poll
from support.driver_bench import DEVICE, BenchContext
from support.line_bench import PolledBench


class Blueprint(PolledBench):
    family, name = "_blueprint", "line"
    stranger = bytes.fromhex("02 2B 30 30 31 32 35 30 32 31 46 03")  # a scale

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> BlueprintDevice:
        self._patience_s = patience_s
        settings = {"id": DEVICE, "driver": "blueprint", "port": port or self.port}
        config = BlueprintConfig.model_validate({**settings, "every_s": 0.01, "answer_s": patience_s})
        return BlueprintDevice(config, context)

    def number(self, observation: Poll) -> int | None:
        return observation.values[0]

    def hear(self, asked: bytes) -> None:
        self._asked = asked[2]
        self.answer()

    def word(self, n: int) -> bytes:
        body = bytes((2, self._asked)) + n.to_bytes(2, "big", signed=True)
        return b"\xb7" + body + bytes((sum(body) % 256,))
