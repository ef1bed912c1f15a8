"""Reads of tags -> one observation per tag, antenna and window. Pure."""

from msgspec.structs import replace

from drivers.rfid.codec import TagRead
from model.observation import TagWindow
from model.time import Stamp


class Windows:
    """A window opens with a tag's first read and ends `seconds` later, whether or not the tag is still there."""

    def __init__(self, device: str, seconds: float) -> None:
        self._device = device
        self._length = round(seconds * 1_000_000)
        self._open: dict[tuple[str, int | None], TagWindow] = {}  # in the order of their ends

    @property
    def next_due(self) -> int | None:
        """When the first window ends (mono, in microseconds)."""
        first = next(iter(self._open.values()), None)
        return first.first.mono + self._length if first else None

    def add(self, read: TagRead, at: Stamp) -> None:
        key = read.epc, read.antenna
        window = self._open.get(key)
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
        self._open[key] = replace(window, count=window.count + 1, last=at, rssi_peak=peak, rssi_last=read.rssi)

    def due(self, mono: float) -> list[TagWindow]:
        """Take out the windows that have ended by then (microseconds)."""
        ended = [key for key, window in self._open.items() if window.first.mono + self._length <= mono]
        return [self._open.pop(key) for key in ended]
