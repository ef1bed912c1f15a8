"""Waveshare Modbus RTU IO 8CH (eight inputs, eight relays, flash timers, control modes), and Relay 8CH without inputs."""

import asyncio

from firmware_sim.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refused, Slave
from firmware_sim.wire import WireLog

_CHANNELS = 8
_ALL = 0x00FF
_FLASH_ON = 0x0200
_FLASH_OFF = 0x0400
_MODES = 0x1000
_UART = 0x2000
_ADDRESS = 0x4000
_VERSION = 0x8000
_ALL_DEVICES = 0
_READ_ADDRESS = bytes.fromhex("03 4000 0001")

_NORMAL, _LINKAGE, _TOGGLE, _EDGE = range(4)


IO_8CH = "waveshare-io-8ch"
RELAY_8CH = "waveshare-relay-8ch"


class IoBoard(Slave):
    """Each change of a relay or contact is logged, also those that a timer makes."""

    def __init__(self, family: str, unit: int, log: WireLog) -> None:
        super().__init__(unit, log)
        self.family = family
        self._has_inputs = family == IO_8CH
        self._relays = [False] * _CHANNELS
        self._inputs = [False] * _CHANNELS
        self._modes = [_NORMAL] * _CHANNELS
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def answers_as(self, unit: int, pdu: bytes, /) -> int | None:
        """The question for its address goes to all, and it answers in its own name."""
        return self.unit if (unit, pdu) == (_ALL_DEVICES, _READ_ADDRESS) else super().answers_as(unit, pdu)

    def bits(self, function: int, address: int, count: int, /) -> list[bool]:
        if function == 2 and not self._has_inputs:
            raise Refused(ILLEGAL_FUNCTION)
        if address + count > _CHANNELS:
            raise Refused(ILLEGAL_ADDRESS)
        return (self._relays if function == 1 else self._inputs)[address : address + count]

    def registers(self, function: int, address: int, count: int, /) -> list[int]:
        if function != 3:
            raise Refused(ILLEGAL_FUNCTION)
        known = {_UART: 1, _ADDRESS: self.unit, _VERSION: 200}
        if self._has_inputs:
            known |= {_MODES + i: mode for i, mode in enumerate(self._modes)}
        try:
            return [known[place] for place in range(address, address + count)]
        except KeyError:
            raise Refused(ILLEGAL_ADDRESS) from None

    def write_register(self, address: int, value: int, /) -> None:
        if address == _ADDRESS:
            if not 1 <= value <= 255:
                raise Refused(ILLEGAL_VALUE)
            self.unit = value
            return
        if not (self._has_inputs and _MODES <= address < _MODES + _CHANNELS):
            raise Refused(ILLEGAL_ADDRESS)
        if value not in (_NORMAL, _LINKAGE, _TOGGLE, _EDGE):
            raise Refused(ILLEGAL_VALUE)
        self._modes[address - _MODES] = value

    def write_coil(self, address: int, data: int, /) -> None:
        if address == _ALL:
            for channel in range(_CHANNELS):
                self._order(channel, data)
        elif address < _CHANNELS:
            self._order(address, data)
        elif _FLASH_ON <= address < _FLASH_ON + _CHANNELS:
            self._flash(address - _FLASH_ON, True, data)
        elif _FLASH_OFF <= address < _FLASH_OFF + _CHANNELS:
            self._flash(address - _FLASH_OFF, False, data)
        else:
            raise Refused(ILLEGAL_ADDRESS)

    def contact(self, di: int, on: bool) -> None:
        """An input, counted from 1, changes; what its control mode says happens to the relay of that number."""
        channel = di - 1
        if not (self._has_inputs and 0 <= channel < _CHANNELS):
            raise ValueError(f"there is no input {di}")
        if self._inputs[channel] == on:
            return
        self._inputs[channel] = on
        self.log("contact", slave=self.unit, contact=f"di{di}", on=on)
        mode = self._modes[channel]
        if mode == _LINKAGE:
            self._set(channel, on)
        elif mode == _EDGE or (mode == _TOGGLE and on):
            self._set(channel, not self._relays[channel])

    def reboot(self) -> None:
        """Outputs and timers are lost, settings and contacts are not."""
        self.log("reboot", slave=self.unit)
        for channel in range(_CHANNELS):
            self._order(channel, 0x0000)

    def _order(self, channel: int, data: int) -> None:
        states = {0xFF00: True, 0x0000: False, 0x5500: not self._relays[channel]}
        if data not in states:
            raise Refused(ILLEGAL_VALUE)
        self._stop_timer(channel)
        self._set(channel, states[data])

    def _flash(self, channel: int, on: bool, steps: int) -> None:
        """Switch for `steps` x 100 ms; the same order again starts the time anew."""
        if steps == 0:
            raise Refused(ILLEGAL_VALUE)
        self._stop_timer(channel)
        self._set(channel, on)
        loop = asyncio.get_running_loop()
        self._timers[channel] = loop.call_later(steps * 0.1, self._set, channel, not on)

    def _stop_timer(self, channel: int) -> None:
        if timer := self._timers.pop(channel, None):
            timer.cancel()

    def _set(self, channel: int, on: bool) -> None:
        if self._relays[channel] != on:
            self._relays[channel] = on
            self.log("output", slave=self.unit, output=f"relay{channel + 1}", on=on)
