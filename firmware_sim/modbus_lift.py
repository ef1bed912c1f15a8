"""Lift monitoring terminal LIFT-GBT-1: input registers and discrete inputs, nothing that could be written."""

import time

from firmware_sim.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Refused, Slave
from firmware_sim.wire import WireLog

_REGISTERS = {
    "profile_id": 0,
    "service_mode": 1,
    "car_status": 2,
    "direction": 3,
    "door_zone": 4,
    "floor": 5,
    "display_floor": 6,
    "door_closed": 7,
    "passenger": 8,
    "fault_code": 9,
    "event_code": 10,
    "alarm_code": 11,
    "speed": 12,
    "run_hours": 13,
    "run_count": 15,
    "event_seq": 17,
    "event_epoch": 18,
    "heartbeat": 20,
    "power": 21,
    "battery": 22,
}
_DOUBLE = ("run_hours", "run_count", "event_epoch")  # u32, high word first
_SIZE = 23
_INPUTS = (
    "alarm_button",
    "trapped",
    "safety_circuit_open",
    "landing_door_open",
    "upper_limit",
    "lower_limit",
    "inspection",
    "mains_lost",
    "intercom_active",
    "intercom_fault",
)
_AT_REST = {
    "profile_id": 0x0101,
    "service_mode": 1,
    "door_zone": 1,
    "floor": 1,
    "display_floor": 1,
    "door_closed": 1,
    "run_hours": 8760,
    "run_count": 123_456,
    "power": 1,
    "battery": 100,
}
_ALARM_BUTTON = 90  # GB/T 24476-2017


class Lift(Slave):
    """Stands at the first floor until it is told otherwise; only its heartbeat moves, once a second."""

    family = "lift-gbt-1"

    def __init__(self, unit: int, log: WireLog) -> None:
        super().__init__(unit, log)
        self._state = dict.fromkeys((*_REGISTERS, *_INPUTS), 0) | _AT_REST
        self._start = time.monotonic()
        self._stopped_at: float | None = None

    def registers(self, function: int, address: int, count: int, /) -> list[int]:
        if function != 4:
            raise Refused(ILLEGAL_FUNCTION)
        if address + count > _SIZE:
            raise Refused(ILLEGAL_ADDRESS)
        self._state["heartbeat"] = int((self._stopped_at or time.monotonic()) - self._start) & 0xFFFF
        image = [0] * _SIZE
        for name, place in _REGISTERS.items():
            value = self._state[name]
            if name in _DOUBLE:
                image[place] = value >> 16 & 0xFFFF
                place += 1  # noqa: PLW2901 (the low word)
            image[place] = value & 0xFFFF
        return image[address : address + count]

    def bits(self, function: int, address: int, count: int, /) -> list[bool]:
        if function != 2:
            raise Refused(ILLEGAL_FUNCTION)
        if address + count > len(_INPUTS):
            raise Refused(ILLEGAL_ADDRESS)
        return [bool(self._state[name]) for name in _INPUTS[address : address + count]]

    def press(self) -> None:
        self.change(alarm_button=1, alarm_code=_ALARM_BUTTON)

    def release(self) -> None:
        self.change(alarm_button=0, alarm_code=0)

    def restart(self) -> None:
        """The terminal begins anew: its counters at 0, and nothing told yet."""
        self._start, self._stopped_at = time.monotonic(), None
        self.change(event_seq=0, event_epoch=0, fault_code=0, event_code=0, alarm_code=0)

    def freeze(self, *, on: bool) -> None:
        """The terminal hangs: it still answers, with a heart that does not beat."""
        if on:
            self._stopped_at = time.monotonic()
        elif self._stopped_at is not None:
            self._start += time.monotonic() - self._stopped_at
            self._stopped_at = None

    def change(self, **fields: int) -> None:
        """Any fields at once. Each new fault, event or alarm counts the event sequence up and stamps it."""
        if unknown := fields.keys() - self._state.keys():
            raise ValueError(f"a lift has no {', '.join(sorted(unknown))}, but {', '.join(self._state)}")
        changed = {name: int(value) for name, value in fields.items() if self._state[name] != value}
        if new := sum(1 for name in ("fault_code", "event_code", "alarm_code") if changed.get(name)):
            changed["event_seq"] = self._state["event_seq"] + new & 0xFFFF
            changed["event_epoch"] = int(time.time())
        self._state |= changed
        if changed:
            self.log("lift", slave=self.unit, **changed)
