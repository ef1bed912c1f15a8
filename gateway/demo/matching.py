"""How a device's events on the wire and its records are matched: by order and value, by time only where that is all there is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, starmap
from typing import Any, Literal, NamedTuple

from gateway.demo.deadtimes import SLACK_US, DeadTime
from gateway.demo.evidence import Event, Row

UNIQUE_POLLS = 1000
"""A pair of values does not return on the wire within so many polls."""
SAMPLED_US = 2_000_000
"""A gateway that polls has a record of a change within this time, where the change lasted so long."""
VIEWED_US = 1_000_000
"""A code that was in view for so long has been read."""

Where = Literal["dead_time", "declared", "brief", "unanswered", "lost"]
"""Where a missing event lies: in a dead time; a record says that the answer was not understood; too short to be sampled;
still with the device, which was never answered; or nowhere that would excuse it."""


class Missing(NamedTuple):
    what: str
    mono: int
    where: Where


class Found(NamedTuple):
    """`twice` and `invented`: records too many, with and without a wire event like them."""

    sent: int
    arrived: int
    missing: list[Missing]
    twice: list[str]
    invented: list[str]


def polls(wire: Sequence[Event], rows: Sequence[Row], dead: Sequence[DeadTime]) -> Found:
    """Each reading of all values is one record with the same raw values, in the same order."""
    read = [event for event in wire if event["event"] == "reading"]
    whole = max((len(event["values"]) for event in read), default=0)
    sent = [event for event in read if len(event["values"]) == whole]
    missing: list[Missing] = []
    twice: list[str] = []
    invented: list[str] = []
    arrived = declared = place = 0

    def skip(until: int) -> None:
        nonlocal declared
        for event in sent[place:until]:
            where: Where = "dead_time" if _covered(dead, event["mono"]) else "declared" if declared else "lost"
            declared -= where == "declared"
            missing.append(Missing(_text(event["values"]), event["mono"], where))
        declared = 0

    for _, values in _readings(rows):
        if all(value is None for value in values.values()):
            declared += 1
            continue
        ahead = range(place, min(place + UNIQUE_POLLS, len(sent)))
        at = next((i for i in ahead if _same(values, sent[i]["values"])), None)
        if at is None:
            before = sent[max(0, place - UNIQUE_POLLS) : place]
            (twice if any(_same(values, event["values"]) for event in before) else invented).append(_text(values))
            continue
        skip(at)
        place = at + 1
        arrived += 1
    skip(len(sent))
    return Found(len(sent), arrived, missing, twice, invented)


def changes(wire: Sequence[Event], rows: Sequence[Row], dead: Sequence[DeadTime]) -> Found:
    """Each state of a point that lasted long enough to be sampled soon stands in a record; each record stands on a state."""
    points: dict[str, list[tuple[int, int]]] = {}
    for mono, point, value in _transitions(wire):
        points.setdefault(point, []).append((mono, value))
    recorded = [(row.mono, values) for row, values in _readings(rows)]
    end = max([row.mono for row in rows] + [event["mono"] for event in wire], default=0)
    sent = arrived = 0
    missing: list[Missing] = []
    invented: list[str] = []
    for point, states in points.items():
        said = [(mono, one) for mono, values in recorded if (one := values.get(point)) is not None]
        ends = [*(mono for mono, _ in states[1:]), end]
        for (begin, value), over in zip(states, ends, strict=True):
            sent += 1
            soon = max([begin, *(one.end for one in dead if one.covers(begin))]) + SAMPLED_US
            if any(begin - SLACK_US <= mono <= soon and one == value for mono, one in said):
                arrived += 1
            else:
                missing.append(Missing(f"{point}={value}", begin, _excuse(begin, over, dead, SAMPLED_US)))
        invented += [f"{point}={value}" for mono, value in said if not _held(states, mono, value)]
    return Found(sent, arrived, missing, [], invented)


def scans(wire: Sequence[Event], rows: Sequence[Row], dead: Sequence[DeadTime]) -> Found:
    """Each symbol, however often it was sent again, is one record."""
    symbols = {event.get("id", place): event for place, event in enumerate(wire) if event["event"] == "scan"}
    sent = [(event["text"], event["mono"], event["mono"]) for event in symbols.values()]
    return _by_text(sent, rows, dead, _repeated_across(wire, dead))


def handshakes(wire: Sequence[Event], rows: Sequence[Row], dead: Sequence[DeadTime]) -> Found:
    """The same, where the device keeps each symbol until it is answered: no dead time excuses the loss of an answered one."""
    found = scans(wire, rows, dead)
    acked = {event["id"] for event in wire if event["event"] == "acked"}
    answered = {event["text"] for event in wire if event["event"] == "scan" and event["id"] in acked}
    missing = [one._replace(where="lost" if one.what in answered else "unanswered") for one in found.missing]
    return found._replace(missing=missing)


def _repeated_across(wire: Sequence[Event], dead: Sequence[DeadTime]) -> Counter[str]:
    """Symbols sent before or in a dead time and again afterwards. A gateway that was killed between its record and its answer
    cannot know that it has the symbol; the second record says that it was repeated.
    """
    times: dict[tuple[str, int], list[int]] = {}
    for event in wire:
        if event["event"] == "scan" and "id" in event:
            times.setdefault((event["text"], event["id"]), []).append(event["mono"])
    across = Counter[str]()
    for (text, _), sent in times.items():
        across[text] += sum(sent[0] <= one.end and one.begin <= sent[-1] for one in dead if len(sent) > 1)
    return across


def views(wire: Sequence[Event], rows: Sequence[Row], dead: Sequence[DeadTime]) -> Found:
    """Each showing of a code is one record; a gateway that starts anew while it is shown sees it anew."""
    # what is not gone is shown yet
    end = max((*(event["mono"] for event in wire), *(row.mono for row in rows)), default=0)
    shown: list[tuple[str, int, int]] = []
    for place, event in enumerate(wire):
        if event["event"] == "scan":
            gone = (e["mono"] for e in wire[place:] if e["event"] == "gone" and e["text"] == event["text"])
            shown.append((event["text"], event["mono"], next(gone, end)))
    again = Counter(text for text, begin, over in shown for one in dead if begin <= one.end and one.begin <= over)
    return _by_text(shown, rows, dead, again, brief=True)


def tags(wire: Sequence[Event], rows: Sequence[Row], dead: Sequence[DeadTime]) -> Found:
    """Between two dead times the windows of a tag count its reads on the wire; those inside them may be counted or not.

    Windows of one tag follow each other. The read that begins a visit is told at once, in a window of its own; others that
    came in with it have the same time, and begin the next one.
    """
    reads: dict[str, list[int]] = {}
    for event in wire:
        if event["event"] == "tag":
            reads.setdefault(event["epc"], []).append(event["mono"])
    windows: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind == "tag.window/1":
            windows.setdefault(row.body["epc"], []).append(row)
    seen = Counter(row.body["epc"] for row in rows if row.kind == "tag.seen/1")
    missing: list[Missing] = []
    twice = [epc for epc, own in windows.items() if any(starmap(_overlap, pairwise(own)))]
    twice += [epc for epc, arrivals in seen.items() if arrivals > 1 + len(dead)]
    for epc, monos in reads.items():
        lost = int(not seen[epc] and any(not _covered(dead, mono) for mono in monos))
        own = windows.get(epc, [])
        for living in range(len(dead) + 1):
            counted = sum(w.body["n"] for w in own if _living(dead, w.mono) == living)
            certain = sum(not _covered(dead, mono) and _living(dead, mono) == living for mono in monos)
            possible = certain + sum(_covered(dead[max(0, living - 1) : living + 1], mono) for mono in monos)
            lost += max(0, certain - counted)
            twice += [epc] * (counted > possible)
        absent = len(monos) - sum(w.body["n"] for w in own)
        missing += [Missing(epc, monos[0], "lost")] * lost
        missing += [Missing(epc, monos[0], "dead_time")] * (absent - lost)
    sent = sum(map(len, reads.values()))
    arrived = sum(w.body["n"] for epc in reads for w in windows.get(epc, []))
    return Found(sent, arrived, missing, twice, sorted(windows.keys() - reads.keys()))


def _by_text(
    sent: Sequence[tuple[str, int, int]],
    rows: Sequence[Row],
    dead: Sequence[DeadTime],
    again: Counter[str] | None = None,
    *,
    brief: bool = False,
) -> Found:
    """(text, begin, end) each, against scan records; `again`: how many more records a text may have."""
    came = Counter(_scanned(row) for row in rows if row.kind == "scan/1")
    left = came.copy()
    missing: list[Missing] = []
    # those that have no excuse take their record first
    for text, begin, end in sorted(sent, key=lambda one: _covered(dead, one[1])):
        if left[text]:
            left[text] -= 1
        elif brief:
            missing.append(Missing(text, begin, _excuse(begin, end, dead, VIEWED_US)))
        else:
            missing.append(Missing(text, begin, "dead_time" if _covered(dead, begin) else "lost"))
    left.subtract(again or {})
    known = {text for text, _, _ in sent}
    spare = list((+left).elements())
    return Found(
        len(sent),
        len(sent) - len(missing),
        missing,
        [text for text in spare if text in known],
        [text for text in spare if text not in known],
    )


def _scanned(row: Row) -> str:
    return row.body.get("text") or bytes.fromhex(row.body.get("hex", "")).decode("latin-1")


def _readings(rows: Sequence[Row]) -> Iterator[tuple[Row, dict[str, int | None]]]:
    """Raw values by name: positions mean what the point map says."""
    names = {row.body["hash"]: [p["name"] for p in row.body["points"]] for row in rows if row.kind == "point.map/1"}
    for row in rows:
        if row.kind == "reading.poll/1":
            yield row, dict(zip(names[row.body["p"]], row.body["v"], strict=True))


def _transitions(wire: Sequence[Event]) -> Iterator[tuple[int, str, int]]:
    """(when, point, raw value) of all that a board or a lift says has changed."""
    for event in wire:
        match event["event"]:
            case "contact" | "output" as kind:
                yield event["mono"], event[kind], int(event["on"])
            case "lift":
                for name in event.keys() - {"t", "mono", "sim", "event", "slave"}:
                    yield event["mono"], name, event[name]


def _held(states: Sequence[tuple[int, int]], mono: int, value: int) -> bool:
    """Whether the point had that value at some time shortly before; what it had before its first change nobody logged."""
    for place, (begin, one) in enumerate(states):
        over = states[place + 1][0] if place + 1 < len(states) else mono
        if one == value and begin <= mono + SLACK_US and over >= mono - SAMPLED_US:
            return True
    return mono <= states[0][0] + SAMPLED_US


def _excuse(begin: int, end: int, dead: Sequence[DeadTime], enough_us: int) -> Where:
    """Why something that lasted from `begin` to `end` may be unseen: it was never there for `enough_us` at a stretch."""
    if end - begin < enough_us:
        return "brief"
    alive = begin
    for one in dead:
        if one.begin - alive >= enough_us:
            break
        alive = max(alive, one.end)
    return "lost" if end - alive >= enough_us else "dead_time"


def _overlap(before: Row, window: Row) -> bool:
    """A window's record has the time of its last read."""
    begin = window.mono - (window.body["last"] - window.body["first"])
    came_with_the_first = before.body["n"] == 1 and window.body["first"] == before.body["last"]
    return bool(begin <= before.mono) and not came_with_the_first


def _covered(dead: Sequence[DeadTime], mono: int) -> bool:
    return any(one.covers(mono) for one in dead)


def _living(dead: Sequence[DeadTime], mono: int) -> int:
    """How many dead times are over."""
    return sum(one.end <= mono for one in dead)


def _same(values: dict[str, int | None], sent: dict[str, Any]) -> bool:
    return all(value is None or value == sent.get(name) for name, value in values.items())


def _text(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
