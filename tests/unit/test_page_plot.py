"""A plot as the browser draws it: gaps as gaps, and what has to be said about it."""

from gateway.status import Plot, PlotMinute
from gateway.web.plot import columns

MINUTE = 60_000_000


def minute(at: int, value: float | None = 4.0, source: str = "ntp") -> PlotMinute:
    low, high = (None, None) if value is None else (value - 1, value + 1)
    return PlotMinute(at * MINUTE, source, low, high, value, 9, {})  # type: ignore[arg-type]


def plot(*minutes: PlotMinute, behind: int = 0) -> Plot:
    return Plot("room1", "temperature", "Cel", {}, behind, list(minutes))


def test_silence_is_a_gap() -> None:
    """Minutes that follow each other are a line; a fault has no value; where nothing came, the line is broken."""
    shown = columns(plot(*map(minute, (0, 1, 2)), minute(3, None), *map(minute, (4, 60, 61))), "en")
    assert shown["t"] == [0, 60, 120, 180, 240, 1920, 3600, 3660]
    assert shown["last"] == [4, 4, 4, None, 4, None, 4, 4]
    assert shown["low"] == [3, 3, 3, None, 3, None, 3, 3]
    assert shown["high"] == [5, 5, 5, None, 5, None, 5, 5]
    assert shown["notes"] == []


def test_a_device_that_is_asked_seldom_has_no_gaps() -> None:
    """Once in ten minutes is its own pace; a single minute has nothing to be apart from."""
    assert columns(plot(*map(minute, (0, 10, 20, 30, 65))), "en")["last"] == [4, 4, 4, 4, None, 4]
    assert columns(plot(minute(5)), "en")["t"] == [300]


def test_what_has_to_be_said() -> None:
    """Nothing there, not all there yet, or times that nobody knows: in words, in both languages."""
    for lang, words in (("en", ("no readings", "7 of them", "not set")), ("zh-CN", ("没有读数", "7", "未设置"))):
        for of, word in zip((plot(), plot(behind=7), plot(minute(0, source="unknown"))), words, strict=True):
            (note,) = columns(of, lang)["notes"]
            assert word in note
