"""Reads of tags -> windows."""

from math import inf

from drivers.rfid.tag import TagRead
from drivers.rfid.window import Windows
from model.time import Stamp, TimeQuality

SECOND = 1_000_000


def at(mono: int) -> Stamp:
    return Stamp("boot", 1_790_000_000_000_000 + mono, TimeQuality("unknown"), mono)


def read(epc: str = "E1", antenna: int | None = 1, rssi: int | None = -50, **more: int | str) -> TagRead:
    return TagRead(epc, "3000", rssi, antenna, **more)  # type: ignore[arg-type]  # the fields as they are named


def test_the_first_read_is_told_at_once_and_the_others_together() -> None:
    """A window has the time, strength, channel and reader's clock of its first, strongest and last read."""
    windows = Windows("gate", 1.0)
    first = windows.add(read(reader_first=5, reader_last=6), at(0))
    assert first and (first.count, first.first, first.reader_first) == (1, at(0), 5)
    assert windows.add(read(rssi=-60, channel=1, reads=2, reader_first=7, reader_last=8), at(10)) is None
    assert windows.add(read(rssi=-40, channel=2, tid="E280", reader_first=9, reader_last=10), at(20)) is None
    assert windows.add(read(rssi=-55, channel=3, reader_first=11, reader_last=12), at(30)) is None
    assert windows.due(SECOND - 1) == []
    (window,) = windows.due(SECOND)
    assert (window.count, window.first, window.peak, window.last) == (4, at(10), at(20), at(30))
    assert (window.rssi_first, window.rssi_peak, window.rssi_last) == (-60, -40, -55)
    assert (window.channel, window.tid) == (2, "E280")
    assert (window.reader_first, window.reader_peak, window.reader_last) == (7, 9, 12)


def test_direction_is_kept() -> None:
    """A tag that goes from one antenna to the other is told at once at each of them, in that order."""
    windows = Windows("gate", 1.0)
    told = [windows.add(read(antenna=antenna), at(mono)) for mono, antenna in ((0, 1), (5, 1), (9, 2), (12, 1))]
    assert [(one.antenna, one.first.mono) for one in told if one] == [(1, 0), (2, 9)]


def test_direction_is_kept_where_all_comes_in_one_piece() -> None:
    """After a stall of the network all reads have one time of ours; by the reader's clock the peaks are in order."""
    windows = Windows("gate", 1.0)
    passing = ((1, -60, 1), (1, -40, 3), (2, -70, 4), (1, -55, 5), (2, -38, 8), (2, -60, 9))
    for antenna, rssi, time in ((1, -80, 0), (2, -80, 0), *passing):
        windows.add(read(antenna=antenna, rssi=rssi, reader_first=time, reader_last=time), at(0))
    assert [(one.antenna, one.peak, one.reader_peak) for one in windows.due(inf)] == [(1, at(0), 3), (2, at(0), 8)]


def test_a_visit_ends_with_an_empty_window() -> None:
    """The next read begins another one, told at once; memory of the tag is gone meanwhile."""
    windows = Windows("gate", 1.0)
    assert windows.add(read(), at(0))
    assert windows.due(SECOND) == []
    assert windows.next_due is None
    assert windows.add(read(), at(SECOND + 1))


def test_at_the_end_nothing_is_kept_back() -> None:
    """Each read stands in exactly one window."""
    windows = Windows("gate", 1.0)
    told = [windows.add(read(f"E{n % 7}", n % 2, reads=1 + n % 3), at(n)) for n in range(100)]
    told += windows.due(inf)
    assert sum(one.count for one in told if one) == sum(1 + n % 3 for n in range(100))
    assert windows.next_due is None


def test_reads_without_strength() -> None:
    """Where no read has one, there is none; the first that has one is the strongest."""
    windows = Windows("gate", 1.0)
    windows.add(read(rssi=None), at(0))
    for mono, rssi in ((1, None), (2, -70), (3, None)):
        windows.add(read(rssi=rssi), at(mono))
    (window,) = windows.due(inf)
    assert (window.rssi_first, window.rssi_peak, window.rssi_last, window.peak) == (None, -70, None, at(2))
