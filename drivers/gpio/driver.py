"""Contacts and relays on GPIO lines as a driver: each edge is told at once, all levels every so often."""

from drivers.common.contact import Contacts, ContactSpec
from drivers.gpio.config import GpioConfig, check_lines
from drivers.gpio.port import GpiodPort, GpioPort, Input, Output
from model.errors import PermanentError, TransientError
from model.observation import Point, PointMap, Poll, Quality
from model.ports import Context, Health


class GpioDevice:
    """A `model.ports.Driver`, and `Switching` but for `flash`: a line has no clock that would switch it off."""

    Config = GpioConfig

    def __init__(self, config: GpioConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._port: GpioPort = GpiodPort(config.chip)
        self._map = self.point_map(config)
        self._lines = [spec.line for _, spec in config.lines]
        self._contacts = Contacts({}, {})
        self._levels: dict[int, int] = {}

    @staticmethod
    def point_map(config: GpioConfig) -> PointMap:
        """Inputs, then outputs as they are read back. Raises SettingsError."""
        check_lines(config)
        inputs = (Point(name, urgent=s.urgent, label=s.label) for name, s in config.inputs.items())
        outputs = (Point(name, label=s.label) for name, s in config.outputs.items())
        return PointMap(config.id, "gpio", 1, (*inputs, *outputs), record="change")

    @staticmethod
    def outputs(config: GpioConfig) -> dict[str, bool]:
        """The names that `switch` takes; `flash` takes none of them."""
        return dict.fromkeys(config.outputs, False)

    async def run(self) -> None:
        config, clock = self._config, self._context.clock
        self._contacts = Contacts(self._map.index, self._debounced_here())
        lines: dict[int, Input | Output] = {s.line: Output(s.active_low) for s in config.outputs.values()}
        for name, spec in config.inputs.items():
            in_kernel = spec.debounce_s if name in config.contacts and not spec.pair else 0
            lines[spec.line] = Input(spec.bias, spec.low_is_closed, in_kernel)
        told = False
        try:
            self._port.open(lines)
            while True:
                self._look()
                self._context.health(Health.ONLINE)
                told = True
                due = self._contacts.due_us
                wait = config.every_s if due is None else min(config.every_s, (due - clock.mono()) / 1e6)
                for line, level in await self._port.edges(max(0.0, wait)):
                    self._levels[line] = level
                    self._tell()
        except TransientError:
            if told:
                size = len(self._map.points)
                self._emit([None] * size, [Quality.COMM_ERROR] * size)
            raise
        finally:
            self._port.close()

    async def switch(self, output: str, on: bool) -> None:
        self._port.write(self._output(output), int(on))
        self._look()

    async def flash(self, output: str, seconds: float) -> None:
        """Raises PermanentError `output_no_flash`: when the gateway died, nobody would switch it off."""
        self._output(output)
        raise PermanentError("output_no_flash", device=self._config.id, output=output)

    def _output(self, name: str) -> int:
        if name not in self._config.outputs:
            raise PermanentError("output_unknown", device=self._config.id, output=name)
        return self._config.outputs[name].line

    def _debounced_here(self) -> dict[str, ContactSpec]:
        """The kernel debounces one line; of the two of a changeover contact only we see the state."""
        contacts = self._config.contacts.items()
        return {name: spec if spec.pair else spec.model_copy(update={"debounce_s": 0}) for name, spec in contacts}

    def _look(self) -> None:
        self._levels = self._port.read()
        self._tell()

    def _tell(self) -> None:
        values: list[int | None] = [self._levels[line] for line in self._lines]
        self._emit(*self._contacts.step(values, None, self._context.clock.mono()))

    def _emit(self, values: list[int | None], quality: list[Quality] | None) -> None:
        self._context.emit(Poll(self._config.id, self._map, values, self._context.clock.now(), quality))
