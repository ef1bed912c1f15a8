"""A lift's interface for building automation, as found on lifts with Vanke's labels: state bits and totals, read only."""

from firmware_sim.modbus_board import Bit, Model, Value

_FIRST, _SIZE = 0x40, 23

_LOW, _HIGH = 0, 8
_BITS = {
    (0x40, _LOW): {2: "general_fault"},
    (0x41, _HIGH): {0: "safety_circuit"},
    (0x42, _HIGH): {
        7: "door_closing",
        6: "stopped_outside_zone",
        5: "unintended_movement",
        4: "run_time_limit",
        3: "floor_lost",
        2: "door_opening",
        1: "restart_prevented",
    },
    (0x43, _HIGH): {0: "other"},
    (0x44, _HIGH): {
        7: "trapped",
        6: "stopped_outside_lock_zone",
        5: "stopped_off_level",
        4: "restart_prevented_2",
        3: "start_failed",
        2: "safety_circuit_2",
    },
    (0x44, _LOW): {
        6: "run_time_limiter",
        5: "run_too_long",
        3: "communication",
        2: "upper_limit",
        1: "overrun_top",
        0: "upper_limit_abnormal",
    },
    (0x45, _HIGH): {
        7: "lower_limit",
        6: "overrun_bottom",
        5: "lower_limit_abnormal",
        4: "moving_with_open_door",
        3: "opened_while_moving",
        2: "overspeed",
        1: "speed_abnormal",
        0: "brake",
    },
    (0x45, _LOW): {
        7: "controller",
        6: "drive",
        5: "traction_machine",
        4: "mains",
        3: "levelling",
        2: "inverter",
        1: "alarm_button",
        0: "car_button_alarm",
    },
    (0x46, _HIGH): {
        7: "power_failure",
        4: "overcurrent",
        3: "voltage",
        2: "overheated",
        1: "link",
        0: "lock_bridged",
    },
}


def _total(name: str, address: int, start: float, scale: float = 1.0) -> Value:
    return Value(name, 3, address, start, scale, form="I")


LIFT_BA = Model(
    "lift-ba-vanke",
    "lift with the building automation interface that bears Vanke's labels; its address is 2",
    values=(
        *(Value(f"bits_{address:02x}", 3, address, form="H") for address in range(_FIRST, 0x47)),
        _total("run_hours", 0x47, 8760),
        _total("starts", 0x49, 123_456),
        _total("distance", 0x4B, 654_321),
        _total("door_cycles", 0x4D, 234_567),
        _total("energy", 0x4F, 4321.0, 0.1),
        _total("energy_saved", 0x51, 321.0, 0.1),
        _total("passengers", 0x53, 98_765),
        _total("speed", 0x55, 0),
    ),
    bits=tuple(
        Bit(name, 3, address, byte + place) for (address, byte), names in _BITS.items() for place, name in names.items()
    ),
    max_registers=_SIZE,
    unit=2,
)
