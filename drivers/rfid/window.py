"""Reads of tags -> few observations: the first read of a visit at once, the rest gathered per tag, antenna and window. Pure."""

from math import isinf

from msgspec.structs import replace

from drivers.rfid.codec import TagRead
from model.observation import TagWindow
from model.time import Stamp

_Key = tuple[str, int | None]


class Windows:
    """A visit begins with a read that is told at once. Windows of `seconds` follow, until one ends without a read."""

    def __init__(self, device: str, seconds: float) -> None:
        self._device = device
        self._length = round(seconds * 1_000_000)
        self._ends: dict[_Key, float] = {}  # CLOCK_BOOTTIME us, the first to end first
        self._gathered: dict[_Key, TagWindow] = {}

    @property
    def next_due(self) -> float | None:
        """When the first window ends (mono, in microseconds)."""
        return next(iter(self._ends.values()), None)

    def add(self, read: TagRead, at: Stamp) -> TagWindow | None:
        """The read itself where it begins a visit; otherwise it is gathered."""
        key = read.epc, read.antenna
        window = self._gathered.get(key)
        if window is None:
            window = TagWindow(
                device=self._device,
                epc=read.epc,
                pc=read.pc,
                count=0,
                first=at,
                last=at,
                rssi_first=read.rssi,
                rssi_peak=read.rssi,
                antenna=read.antenna,
            )
        peak = read.rssi if window.rssi_peak is None else max(window.rssi_peak, read.rssi)
        window = replace(window, count=window.count + 1, last=at, rssi_peak=peak, rssi_last=read.rssi)
        if key not in self._ends:
            self._ends[key] = at.mono + self._length
            return window
        self._gathered[key] = window
        return None

    def due(self, mono: float) -> list[TagWindow]:
        """Take out what was gathered in the windows that have ended by then (microseconds; infinity: in all, for good)."""
        gathered = []
        for key in [key for key, end in self._ends.items() if end <= mono]:
            del self._ends[key]
            window = self._gathered.pop(key, None)
            if window is not None:
                gathered.append(window)
                if not isinf(mono):
                    self._ends[key] = mono + self._length
        return gathered
