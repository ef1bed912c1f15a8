"""Refrigeration controllers: the values, states and alarms of them that are publicly known."""

from functools import partial

from firmware_sim.modbus_board import Bit, Model, Value

_tenths = partial(Value, scale=0.1)
_measured = partial(_tenths, wander=2)


def _inputs(**addresses: int) -> tuple[Bit, ...]:
    return tuple(Bit(name, 2, address) for name, address in addresses.items())


def _flags(**addresses: int) -> tuple[Bit, ...]:
    """States that have a holding register each: 0 or 1."""
    return tuple(Bit(name, 3, address) for name, address in addresses.items())


CAREL_IR33 = Model(
    "carel-ir33",
    "refrigeration controller Carel IR33, one register per request",
    values=(
        _measured("probe1", 4, 403, 4.0, alarm="probe1_fault"),
        _measured("probe2", 4, 412, -6.0, alarm="probe2_fault"),
        _measured("virtual", 4, 406, 4.0),
        _tenths("setpoint", 3, 404, 3.0, writable=True),
    ),
    bits=(
        *_inputs(defrost_relay=0, probe1_fault=3, probe2_fault=6, compressor=7, fan=13, defrost=18),
        *_inputs(door_timeout=28, defrost_timeout=29, door=43),
        Bit("low_temperature", 1, 2),
        Bit("high_temperature", 1, 5),
        Bit("defrost_command", 1, 32, writable=True),
        Bit("on", 1, 54, start=True, writable=True),
    ),
    max_registers=1,
)
CAREL_PJ = Model(
    "carel-pj-easy",
    "refrigeration controller Carel PJ Easy",
    values=(
        _measured("probe1", 4, 409, 4.0, alarm="probe1_fault"),
        _measured("probe2", 4, 406, -6.0, alarm="probe2_fault"),
        _measured("probe3", 4, 403, 5.0, alarm="probe3_fault"),
        _measured("defrost_temperature", 4, 405, -6.0),
    ),
    bits=(
        *_inputs(compressor=0, probe2_fault=1, high_temperature=3, probe1_fault=4, probe3_fault=9, low_temperature=12),
        *_inputs(door_25=25, door_28=28, defrost=29),
    ),
)
CAREL_UC2SE = Model(
    "carel-uc2se",
    "chiller controller Carel uC2SE",
    values=(
        _measured("b1", 4, 506, 12.0),
        _measured("register_510", 4, 510, 7.0),
        _measured("register_511", 4, 511, 30.0),
    ),
    bits=_inputs(general_alarm=42),
)
EKC_202D = Model(
    "danfoss-ekc-202d",
    "refrigeration controller Danfoss EKC 202D",
    values=(
        _measured("air", 3, 2575, 4.0),
        _measured("s3", 3, 2529, 4.0, alarm="s3_error"),
        _measured("s4", 3, 2530, 3.0, alarm="s4_error"),
        _measured("s5", 3, 1010, -8.0, alarm="s5_error"),
        _measured("thermostat", 3, 2531, 4.0),
        _tenths("reference", 3, 2545, 3.0),
        _tenths("setpoint", 3, 99, 3.0, writable=True),
        _tenths("high_limit", 3, 10018, 8.0, writable=True),
        _tenths("low_limit", 3, 10019, -2.0, writable=True),
        Value("start_defrost", 3, 1012, writable=True),
    ),
    bits=(
        *_flags(compressor=2509, fan=2510, defrost=2511, alarm=2540),
        *_flags(ekc_error=19999, rtc_error=20000, s3_error=20001, s4_error=20002, s5_error=20003),
        *_flags(high_temperature=20004, low_temperature=20005, door=20006, di1=20007, di2=20008),
        *_flags(defrost_max=20009, hold_max=20010),
    ),
    guard_s=0.005,
)
ERC_21X = Model(
    "danfoss-erc-21x",
    "refrigeration controller Danfoss ERC 211, 213, 214",
    values=(
        Value("air", 3, 2529, 4.0, scale=0.01, wander=20),
        Value("defrost_temperature", 3, 1010, -8.0, scale=0.01, wander=20),
        Value("condenser", 3, 2646, 35.0, scale=0.01, wander=20),
        Value("reference", 3, 2500, 3.0, scale=0.01),
    ),
)
_ERROR = {"error": -0x8000}
ELIWELL_IDPLUS = Model(
    "eliwell-idplus",
    "refrigeration controller Eliwell IDPlus",
    values=(
        _measured("ai1", 3, 295, 4.0, broken=_ERROR, alarm="ai1_fault"),
        _measured("ai2", 3, 297, -6.0, broken=_ERROR),
        _measured("ai3", 3, 299, 5.0, broken=_ERROR),
        _tenths("setpoint", 3, 16416, 3.0, writable=True),
    ),
    bits=(
        Bit("ai1_fault", 3, 32876, 1),
        Bit("high_temperature", 3, 32876, 5),
        Bit("low_temperature", 3, 32876, 6),
        Bit("door", 3, 32876, 7),
        Bit("compressor", 3, 32886, 3),
        Bit("defrost", 3, 32886, 5),
    ),
    max_registers=15,
)
ELIWELL_ID974LX = Model(
    "eliwell-id974lx",
    "refrigeration controller Eliwell ID974LX",
    values=(
        _measured("probe1", 4, 20286, 4.0, alarm="probe1_fault"),
        _measured("probe2", 4, 20288, -6.0, alarm="probe2_fault"),
        _tenths("setpoint", 3, 24128, 3.0, writable=True),
    ),
    bits=_inputs(probe1_fault=1873, probe2_fault=1874, high_temperature=1894, low_temperature=1895, door=1947),
)
DIXELL_XR = Model(
    "dixell-xr",
    "refrigeration controller Dixell XR, one register per request",
    values=(
        Value("firmware", 3, 0, form="H"),
        _measured("probe1", 3, 256, 4.0),
        Value("probe1_info", 3, 257, form="H"),  # the meaning of its bits is in a table that is not public
        _measured("probe2", 3, 258, -6.0),
        Value("probe2_info", 3, 259, form="H"),
        _tenths("parameter_768", 3, 768, 3.0, writable=True),
        Value("status", 3, 1280, form="H"),
    ),
    bits=(Bit("probe1_present", 3, 7, 0, start=True), Bit("probe2_present", 3, 7, 1, start=True)),
    max_registers=1,
)

MODELS = (
    CAREL_IR33,
    CAREL_PJ,
    CAREL_UC2SE,
    EKC_202D,
    ERC_21X,
    ELIWELL_IDPLUS,
    ELIWELL_ID974LX,
    DIXELL_XR,
)
