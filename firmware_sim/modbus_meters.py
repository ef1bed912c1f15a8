"""What measures and no more: PT100 modules, energy meters."""

from firmware_sim.modbus_board import Bit, Board, Model, Value

_CHANNELS = range(1, 9)
_PROBE = {"open": 30000, "short": -30000}

MB8ART = Model(
    "mb8art",
    "PT100 module ComWinTop MB8ART with 8 channels",
    values=(
        *(Value(f"ch{n}", 4, n - 1, 4.0, scale=0.1, wander=2, broken=_PROBE, alarm=f"connected{n}") for n in _CHANNELS),
        Value("module", 4, 8, 24.0, scale=0.1, wander=2),
        Value("type", 3, 64, 57),
        Value("version", 3, 68, 1),
        Value("address", 3, 70, 1),
        Value("baud", 3, 71, 3),
        Value("parity", 3, 72),
        Value("resolution", 3, 76, writable=True),
        *(Value(f"sensor{n}", 3, 127 + n, 0x0200) for n in _CHANNELS),
    ),
    # what the bit of a probe in short circuit says is not known; here it is that of an open one
    bits=tuple(Bit(f"connected{n}", 2, n - 1, start=True) for n in _CHANNELS),
)
SDM120 = Model(
    "sdm120",
    "energy meter Eastron SDM120",
    values=(
        Value("voltage", 4, 0x0000, 230.0, form="f"),
        Value("current", 4, 0x0006, 1.5, form="f"),
        Value("power", 4, 0x000C, 345.0, form="f"),
        Value("energy", 4, 0x0156, 1234.5, form="f"),
    ),
)
PZEM_016 = Model(
    "pzem-016",
    "energy meter PZEM-016",
    values=(
        Value("voltage", 4, 0, 230.0, scale=0.1, form="H", wander=5),
        Value("current", 4, 1, 1.5, scale=0.001, form="I", low_first=True, wander=5),
        Value("power", 4, 3, 345.0, scale=0.1, form="I", low_first=True, wander=5),
        Value("energy", 4, 5, 12345, form="I", low_first=True),
    ),
    universal=0xF8,
)


class Mb8art(Board):
    """Its register `resolution` chooses between tenths and, with 1, hundredths of a degree."""

    def scale(self, value: Value) -> float:
        return 0.01 if value.name.startswith("ch") and self._stand["resolution"] == 1 else super().scale(value)
