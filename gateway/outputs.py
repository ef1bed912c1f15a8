"""Sirens and lamps follow the signals of the rules. A siren is refreshed while it sounds: when the gateway dies, it stops."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from gateway.settings.schema import Output
from model.errors import DriverError
from model.observation import Poll
from model.ports import Driver, Switching

REFRESH_S = 2.0
FLASH_S = 5.0
"""How long the device itself keeps a flashed output on without a refresh."""
RETRY_S = 1.0

log = logging.getLogger("doorpost.outputs")


class Outputs:
    """`show` says what is wanted; `run` makes it so, and again when a board has lost it."""

    def __init__(self, outputs: tuple[Output, ...], driver_of: Callable[[str], Driver]) -> None:
        self._outputs = outputs
        self._driver_of = driver_of
        self._signals: Mapping[str, frozenset[str]] = {}
        self._seen: dict[tuple[str, str], bool] = {}
        self._changed = {output.id: asyncio.Event() for output in outputs}

    def show(self, signals: Mapping[str, frozenset[str]]) -> None:
        """What each rule wants on, by its id. Return at once; the outputs are switched as soon as their device takes it."""
        if signals != self._signals:
            self._signals = signals
            for event in self._changed.values():
                event.set()

    def seen(self, poll: Poll) -> None:
        """What a board says of its outputs, where it can: another state than the wanted one is put right."""
        for output in self._outputs:
            if output.device != poll.device or output.output not in poll.map.index:
                continue
            on = poll.values[poll.map.index[output.output]]
            if on is not None and self._seen.get((output.device, output.output)) != bool(on):
                self._seen[output.device, output.output] = bool(on)
                self._changed[output.id].set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for output in self._outputs:
                group.create_task(self._keep(output), name=f"output {output.id}")

    async def _keep(self, output: Output) -> None:
        changed = self._changed[output.id]
        while True:
            changed.clear()
            wanted = any(
                not signals.isdisjoint(output.on)
                for rule, signals in self._signals.items()
                if output.rules is None or rule in output.rules
            )
            try:
                await self._put(output, wanted)
                pause = REFRESH_S if wanted and output.mode == "flash" else None
            except DriverError:  # the device is shown as offline with the reason; here it is only tried again
                pause = RETRY_S
            except Exception:  # a bug of one driver must not silence the others' sirens
                log.exception("output %s", output.id)
                pause = RETRY_S
            try:
                async with asyncio.timeout(pause):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _put(self, output: Output, wanted: bool) -> None:
        driver = self._driver_of(output.device)
        assert isinstance(driver, Switching)  # the settings were checked for it
        if wanted and output.mode == "flash":
            await driver.flash(output.output, FLASH_S)
        elif self._seen.get((output.device, output.output)) != wanted:
            await driver.switch(output.output, wanted)
        # confirmed by the device: if its next poll says something else, it has lost it
        self._seen[output.device, output.output] = wanted
