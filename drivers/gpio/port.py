"""The lines of a GPIO chip as the driver needs them, and how libgpiod gives them."""

import asyncio
import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Protocol

from model.errors import PermanentError, TransientError

if TYPE_CHECKING:
    import gpiod

CONSUMER = "doorpost"
"""The name by which other programs see who has a line."""


@dataclass(frozen=True)
class Input:
    bias: Literal["pull_up", "pull_down", "disabled", "as_is"]
    active_low: bool
    debounce_s: float


@dataclass(frozen=True)
class Output:
    active_low: bool


class GpioPort(Protocol):
    """Levels are logical: 1 is low where the line is `active_low`. All errors after `open` are TransientError `gpio_gone`."""

    def open(self, lines: Mapping[int, Input | Output]) -> None:
        """Take these lines for us alone, the outputs off.

        Raises TransientError `gpio_absent`, `gpio_denied`, `gpio_busy` or `gpio_gone`, PermanentError `gpio_extra_missing`,
        `gpio_line_unknown` or `gpio_refused`.
        """
        ...

    def read(self) -> dict[int, int]:
        """The level of each line, of outputs too."""
        ...

    def write(self, line: int, level: int) -> None: ...

    async def edges(self, seconds: float) -> list[tuple[int, int]]:
        """(line, new level) of the inputs in the order in which they changed; none when the time is over."""
        ...

    def close(self) -> None: ...


class GpiodPort:
    """By libgpiod v2. Calls return at once; on an expander behind I2C or USB they take as long as its transfer."""

    def __init__(self, chip: str) -> None:
        self._chip = chip
        self._request: gpiod.LineRequest | None = None

    def open(self, lines: Mapping[int, Input | Output]) -> None:
        try:
            import gpiod
        except ImportError as err:
            raise PermanentError("gpio_extra_missing", why=str(err)) from err
        chip = self._chip
        with self._errors(), gpiod.Chip(chip) as device:
            count = device.get_info().num_lines
            for line in lines:
                if line >= count:
                    raise PermanentError("gpio_line_unknown", chip=chip, line=line, last=count - 1)
            try:
                self._request = device.request_lines(
                    {line: _settings(how) for line, how in lines.items()}, consumer=CONSUMER
                )
            except OSError as err:
                if err.errno != errno.EBUSY:
                    raise
                taken = (info for info in map(device.get_line_info, lines) if info.used)
                line, owner = next(((info.offset, info.consumer) for info in taken), (next(iter(lines)), ""))
                raise TransientError("gpio_busy", chip=chip, line=line, owner=owner or "?") from err

    def read(self) -> dict[int, int]:
        request = self._opened()
        with self._errors():
            return {line: value.value for line, value in zip(request.offsets, request.get_values(), strict=True)}

    def write(self, line: int, level: int) -> None:
        from gpiod.line import Value

        request = self._opened()
        with self._errors():
            request.set_value(line, Value(level))

    async def edges(self, seconds: float) -> list[tuple[int, int]]:
        request = self._opened()
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(request.fd, ready.set)
        try:
            async with asyncio.timeout(seconds):
                await ready.wait()
        except TimeoutError:
            return []
        finally:
            loop.remove_reader(request.fd)
        with self._errors():
            events = request.read_edge_events()
        return [(event.line_offset, int(event.event_type is event.Type.RISING_EDGE)) for event in events]

    def close(self) -> None:
        request, self._request = self._request, None
        if request:
            request.release()

    def _opened(self) -> "gpiod.LineRequest":
        if self._request is None:
            raise TransientError("gpio_gone", chip=self._chip, why="not open")
        return self._request

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What libgpiod raises, in our words. It makes EINVAL a ValueError and EOPNOTSUPP a NotImplementedError."""
        try:
            yield
        except FileNotFoundError as err:
            raise TransientError("gpio_absent", chip=self._chip) from err
        except PermissionError as err:  # on replug the node is root's alone until udev has set its group
            raise TransientError("gpio_denied", chip=self._chip) from err
        except OSError as err:
            raise TransientError("gpio_gone", chip=self._chip, why=err.strerror or str(err)) from err
        except (ValueError, NotImplementedError) as err:
            raise PermanentError("gpio_refused", chip=self._chip, why=str(err)) from err


def _settings(how: Input | Output) -> "gpiod.LineSettings":
    from gpiod import LineSettings
    from gpiod.line import Bias, Direction, Edge

    if isinstance(how, Output):
        return LineSettings(direction=Direction.OUTPUT, active_low=how.active_low)
    return LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.BOTH,
        bias=Bias[how.bias.upper()],
        active_low=how.active_low,
        debounce_period=timedelta(seconds=how.debounce_s),
    )
