"""A barcode scanner that types, as a driver. Its keyboard is ours alone: nothing reaches a console or another program."""

import asyncio
import errno
import fcntl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from drivers.common.line import Condition
from drivers.scanner.config import WedgeConfig
from drivers.scanner.keys import EV_KEY, Decoder, Typed
from drivers.scanner.lines import line_parser
from drivers.scanner.reading import Reader
from model.errors import PermanentError, TransientError
from model.ports import Context

if TYPE_CHECKING:
    from evdev import InputDevice

_KEY_ENTER = 28
_LED_CAPSLOCK = 1
_EVIOCSCLOCKID = 0x400445A0
"""_IOW('E', 0xA0, int) of <linux/input.h>."""


class WedgeDevice:
    """Gives a `Scan` per symbol."""

    Config = WedgeConfig
    carrier: Literal["keys"] = "keys"

    def __init__(self, config: WedgeConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._reader = Reader(config.id, config)

    async def run(self) -> None:
        decoder = Decoder(line_parser(self._config), self._config.gap_ms / 1000)
        self._condition.counts_from(0)
        with _opened(self._config.port) as keyboard:
            _settle(keyboard, decoder)
            # it says nothing before its first symbol: that the keyboard is ours is all that can be known of it
            self._condition.good()
            ready = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(keyboard.fd, ready.set)
            try:
                while True:
                    self._tell(await _typed(keyboard, ready, decoder), decoder.dropped)
            finally:
                loop.remove_reader(keyboard.fd)
                self._tell(decoder.end(), decoder.dropped)

    def _tell(self, typed: list[Typed], dropped: int) -> None:
        at = self._context.clock.now()
        for symbol, by_silence, torn in typed:
            if symbol is None:
                self._condition.heard(torn)
                continue
            scan, wrong = self._reader.scan(symbol, at, by_silence=by_silence, torn=torn)
            self._context.emit(scan)
            self._condition.heard(wrong)
        self._condition.counted(dropped, TransientError("scan_dropped", count=dropped))


@contextmanager
def _opened(port: str) -> Iterator["InputDevice[str]"]:
    """The keyboard, for us alone. Raises TransientError `port_...`, PermanentError `wedge_extra_missing`."""
    try:
        from evdev import InputDevice
    except ImportError as err:
        raise PermanentError("wedge_extra_missing", why=str(err)) from err
    try:
        keyboard = InputDevice(port, readonly=True)
    except FileNotFoundError as err:
        raise TransientError("port_absent", port=port) from err
    except PermissionError as err:
        raise TransientError("port_input_denied", port=port) from err
    except OSError as err:
        raise TransientError("port_no_keyboard", port=port, why=err.strerror) from err
    try:
        if _KEY_ENTER not in keyboard.capabilities().get(EV_KEY, []):
            raise TransientError("port_no_keyboard", port=port, why=keyboard.name)
        _grab(keyboard, port)
        # a gap is not made by a step of the wall clock
        fcntl.ioctl(keyboard.fd, _EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
        yield keyboard
    finally:
        keyboard.close()


def _grab(keyboard: "InputDevice[str]", port: str) -> None:
    try:
        keyboard.grab()
    except OSError as err:
        if err.errno == errno.EBUSY:
            raise TransientError("port_busy", port=port) from err
        raise TransientError("port_gone", port=port, why=err.strerror) from err


async def _typed(keyboard: "InputDevice[str]", ready: asyncio.Event, decoder: Decoder) -> list[Typed]:
    """What the next batch of keys has ended, or a silence. Raises TransientError `port_gone`."""
    try:
        async with asyncio.timeout(decoder.gap_s if decoder.pending or decoder.unsure else None):
            await ready.wait()
    except TimeoutError:
        if not ready.is_set():  # else the loop was busy, not the scanner silent
            typed = decoder.flush()
            if decoder.unsure:  # asking drops what the kernel holds for us: not without need
                _settle(keyboard, decoder)
            return typed
    ready.clear()
    try:
        return [
            typed for one in keyboard.read() for typed in decoder.take(one.type, one.code, one.value, one.timestamp())
        ]
    except BlockingIOError:
        return []
    except OSError as err:
        raise TransientError("port_gone", port=keyboard.path, why=err.strerror) from err


def _settle(keyboard: "InputDevice[str]", decoder: Decoder) -> None:
    """Raises TransientError `port_gone`."""
    try:
        decoder.settle(keyboard.active_keys(), capitals=_LED_CAPSLOCK in keyboard.leds())
    except OSError as err:
        raise TransientError("port_gone", port=keyboard.path, why=err.strerror) from err
