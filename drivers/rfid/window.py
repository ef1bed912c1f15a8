"""Reads of tags -> few observations: the first read of a visit at once, the rest gathered per tag, antenna and window. Pure."""

from math import isinf

from drivers.rfid.tag import TagRead
from model.observation import TagWindow
from model.time import Stamp

_Key = tuple[str, int | None]


class _Gathering:
    """A window that is still open. Changed in place: readers say thousands of reads a second."""

    __slots__ = ("count", "first", "first_at", "last", "last_at", "peak", "peak_at", "tid")

    def __init__(self, read: TagRead, at: Stamp) -> None:
        self.first = self.peak = read
        self.first_at = self.peak_at = at
        self.count = 0
        self.tid: str | None = None
        self.take(read, at)

    def take(self, read: TagRead, at: Stamp) -> None:
        self.count += read.reads
        self.last = read
        self.last_at = at
        if read.rssi is not None and (self.peak.rssi is None or read.rssi > self.peak.rssi):
            self.peak = read
            self.peak_at = at
        if read.tid is not None:
            self.tid = read.tid

    def window(self, device: str) -> TagWindow:
        first, peak, last = self.first, self.peak, self.last
        return TagWindow(
            device=device,
            epc=first.epc,
            pc=last.pc,
            count=self.count,
            first=self.first_at,
            last=self.last_at,
            rssi_first=first.rssi,
            rssi_peak=peak.rssi,
            rssi_last=last.rssi,
            antenna=first.antenna,
            peak=self.peak_at,
            channel=peak.channel,
            tid=self.tid,
            reader_first=first.reader_first,
            reader_peak=peak.reader_first,
            reader_last=last.reader_last,
        )


class Windows:
    """A visit begins with a read that is told at once. Windows of `seconds` follow, until one ends without a read."""

    def __init__(self, device: str, seconds: float) -> None:
        self._device = device
        self._length = round(seconds * 1_000_000)
        self._ends: dict[_Key, float] = {}  # CLOCK_BOOTTIME us, the first to end first
        self._gathered: dict[_Key, _Gathering] = {}

    @property
    def next_due(self) -> float | None:
        """When the first window ends (mono, in microseconds)."""
        return next(iter(self._ends.values()), None)

    def add(self, read: TagRead, at: Stamp) -> TagWindow | None:
        """The read itself where it begins a visit; otherwise it is gathered."""
        key = read.epc, read.antenna
        if (gathering := self._gathered.get(key)) is not None:
            gathering.take(read, at)
            return None
        if key in self._ends:
            self._gathered[key] = _Gathering(read, at)
            return None
        self._ends[key] = at.mono + self._length
        return _Gathering(read, at).window(self._device)

    def due(self, mono: float) -> list[TagWindow]:
        """Take out what was gathered in the windows that have ended by then (microseconds; infinity: in all, for good)."""
        told = []
        while (end := self.next_due) is not None and end <= mono:
            key = next(iter(self._ends))
            del self._ends[key]
            gathering = self._gathered.pop(key, None)
            if gathering is not None:
                told.append(gathering.window(self._device))
                if not isinf(mono):
                    self._ends[key] = mono + self._length
        return told
