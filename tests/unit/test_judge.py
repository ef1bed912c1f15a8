"""The judge on logs and rows written by hand: it passes what is right and finds each kind of wrong."""

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway.demo.evidence import Event, Row
from gateway.demo.judge import Verdict, Wired, judge

S = 1_000_000
START = 100 * S


class Story:
    """A gateway that starts at 100 s, and devices whose words reach the centre unless a test says otherwise."""

    def __init__(self, *site: Wired) -> None:
        self.site = site
        self.wires: dict[str, list[Event]] = {one.log: [] for one in site}
        self.rows: list[Row] = []
        self._numbers = itertools.count(1)
        self.start(START, "first")

    def record(self, mono: int, kind: str, **body: Any) -> None:
        self.rows.append(Row("gw", "store", kind, next(self._numbers), kind, mono + 10**15, mono, body))

    def start(self, mono: int, after: str = "crash") -> None:
        self.record(mono, "gateway.start/1", after=after)

    def state(self, mono: int, health: str, device: str = "d") -> None:
        self.record(mono, "device.state/1", device=device, health=health)

    def wire(self, mono: int, event: str, log: str = "d", **fields: Any) -> None:
        self.wires[log].append({"t": mono + 10**15, "mono": mono, "event": event, **fields})

    def map(self, *names: str, device: str = "d") -> None:
        self.record(START, "point.map/1", device=device, hash="m", points=[{"name": name} for name in names])

    def poll(self, mono: int, values: Sequence[int | None]) -> None:
        self.record(mono, "reading.poll/1", d="d", p="m", v=list(values))

    def judge(self, **options: Any) -> Verdict:
        return judge(sorted(self.rows, key=lambda row: row.mono), self.wires, self.site, **options)


def found(verdict: Verdict) -> list[tuple[str, str]]:
    return [(problem.what, problem.detail) for problem in verdict.problems]


def where(verdict: Verdict) -> dict[str, int]:
    missing: dict[str, int] = verdict.document()["wire"]["d"]["missing"]
    return missing


@pytest.fixture
def room() -> Story:
    """A probe that says n at second n, from 101 to 120; the gateway is killed after 110 and back at 114."""
    story = Story(Wired("d", "polls", "d"))
    story.map("temperature", "humidity")
    for n in range(101, 121):
        story.wire(n * S, "reading", values={"temperature": n, "humidity": 500})
        if not 110 < n < 114:
            story.poll(n * S + 1000, [n, 500])
    story.start(113 * S)
    return story


def test_readings_missing_in_the_restart_are_no_problem(room: Story) -> None:
    """They are counted, and the dead time runs from the device's last record to its first one after it."""
    verdict = room.judge()
    assert verdict.ok, verdict.problems
    document = verdict.document()
    assert document["wire"]["d"] | {"dead_s": None} == {
        "simulator": "d", "sent": 20, "arrived": 17, "missing": {"dead_time": 3}, "dead_s": None,
    }  # fmt: skip
    assert [(d["why"], d["seconds"]) for d in document["dead_times"]] == [("first", 1.001), ("crash", 4.0)]
    json.dumps(document)


def test_a_reading_missing_while_the_gateway_lived_is_lost(room: Story) -> None:
    """One in the middle of a run."""
    room.rows = [row for row in room.rows if row.body.get("v") != [105, 500]]
    assert found(room.judge()) == [("lost", "temperature=105 humidity=500")]


def test_more_than_the_uncommitted_second_is_lost(room: Story) -> None:
    """The gateway still wrote other records when the reading was four seconds old."""
    room.rows = [row for row in room.rows if row.body.get("v") not in ([109, 500], [110, 500])]
    room.state(112 * S, "online", "other")
    assert ("lost", "temperature=109 humidity=500") in found(room.judge())


def test_a_reading_twice_and_one_from_nowhere(room: Story) -> None:
    """Values that were on the wire once are one record; values that never were are none."""
    room.poll(106 * S + 2000, [106, 500])
    room.poll(107 * S + 2000, [999, 500])
    assert found(room.judge()) == [
        ("twice", "temperature=106 humidity=500"),
        ("invented", "temperature=999 humidity=500"),
    ]


def test_an_answer_that_was_not_understood_is_declared(room: Story) -> None:
    """A record without values stands for one reading that the wire saw, and for no second one."""
    room.rows = [row for row in room.rows if row.body.get("v") not in ([104, 500], [105, 500])]
    room.poll(104 * S + 1000, [None, None])
    verdict = room.judge()
    assert where(verdict) == {"dead_time": 3, "declared": 1, "lost": 1}
    assert [what for what, _ in found(verdict)] == ["lost"]


def test_a_dead_time_has_a_bound(room: Story) -> None:
    """A restart that takes too long is a problem of its own."""
    assert found(room.judge(bound_s=3.0)) == [("dead_too_long", "crash: 4.0 s > 3 s")]


def test_the_same_key_twice(room: Story) -> None:
    """Gateway, store, stream and number name one row."""
    room.rows.append(room.rows[-1])
    assert [what for what, _ in found(room.judge())] == ["twice"]


def test_a_device_that_was_away(room: Story) -> None:
    """Its own offline state opens a dead time, its first reading ends it."""
    room.rows = [row for row in room.rows if row.body.get("v") not in ([104, 500], [105, 500])]
    room.state(104 * S, "offline")
    assert room.judge().ok


def test_what_came_after_the_end(room: Story) -> None:
    """What the wire saw after the gateway's last record lies in a dead time too."""
    room.wire(121 * S, "reading", values={"temperature": 121, "humidity": 500})
    verdict = room.judge()
    assert verdict.ok
    assert verdict.document()["dead_times"][-1]["why"] == "end"


def scanner(how: Any = "scans") -> Story:
    """Symbols a to e at 101 to 105, the gateway killed after 102 and back at 104."""
    story = Story(Wired("d", how, "d"))
    story.state(START + 1000, "online")
    for n, text in enumerate("abcde", 101):
        story.wire(n * S, "scan", id=n, text=text, attempt=1)
        if text != "c":
            story.record(n * S + 1000, "scan/1", device="d", text=text)
    story.start(103_500_000)
    story.state(103_900_000, "online")
    return story


def test_a_scan_in_the_restart_may_be_missing() -> None:
    """Without a handshake."""
    verdict = scanner().judge()
    assert verdict.ok
    assert where(verdict) == {"dead_time": 1}


def test_a_scan_with_a_handshake_may_never_be_missing() -> None:
    """Not even in the restart: the device repeats it until it is answered. What was never answered is still with the device."""
    story = scanner("handshake")
    assert where(story.judge()) == {"unanswered": 1}
    story.wire(106 * S, "acked", id=103)
    assert found(story.judge()) == [("lost", "c")]
    story.wire(104 * S, "scan", id=103, text="c", attempt=2)
    story.record(104 * S + 1000, "scan/1", device="d", text="c", repeated=True)
    assert story.judge().ok


def test_a_scan_that_was_recorded_but_not_answered_when_the_gateway_was_killed() -> None:
    """The device sends it again, and it is recorded again; but not a third time, and not where no restart lay between."""
    story = scanner("handshake")
    story.wires["d"] = [event for event in story.wires["d"] if event.get("text") != "c"]
    story.wire(104 * S, "scan", id=102, text="b", attempt=2)
    story.wire(108 * S, "scan", id=105, text="e", attempt=2)
    story.record(104 * S + 1000, "scan/1", device="d", text="b", repeated=True)
    assert story.judge().ok
    story.record(104 * S + 2000, "scan/1", device="d", text="b", repeated=True)
    story.record(108 * S + 1000, "scan/1", device="d", text="e", repeated=True)
    assert found(story.judge()) == [("twice", "b"), ("twice", "e")]


def test_a_scan_missing_outside_is_lost_twice_is_twice_and_half_is_invented() -> None:
    """Each by its text."""
    story = scanner()
    story.rows = [row for row in story.rows if row.body.get("text") != "e"]
    story.wire(110 * S, "scan", id=110, text="f")
    for text in ("f", "a", "f-half"):
        story.record(110 * S + 1000, "scan/1", device="d", text=text)
    assert found(story.judge()) == [("lost", "e"), ("twice", "a"), ("invented", "f-half")]


def board() -> Story:
    """Input 1 goes on at 110 and off at 120; a record at each change, and one every ten seconds."""
    story = Story(Wired("d", "changes", "d", slave=3))
    story.map("di1", "relay1")
    story.poll(START + 1000, [0, 0])
    story.wire(110 * S, "contact", slave=3, contact="di1", on=True)
    story.poll(110 * S + 200_000, [1, 0])
    story.wire(120 * S, "contact", slave=3, contact="di1", on=False)
    story.poll(120 * S + 200_000, [0, 0])
    story.poll(130 * S, [0, 0])
    return story


def test_changes_arrive() -> None:
    """Each state stands in a record; what other slaves of the bus say is not this device's."""
    story = board()
    story.wire(111 * S, "contact", slave=9, contact="di1", on=False)
    verdict = story.judge()
    assert verdict.ok, verdict.problems
    assert verdict.document()["wire"]["d"]["sent"] == verdict.document()["wire"]["d"]["arrived"] == 2


def test_a_change_that_nobody_recorded_is_lost_unless_it_was_brief() -> None:
    """A poll sees what lasts."""
    story = board()
    for begin, end in ((123.0, 123.5), (124.0, 129.0)):
        story.wire(int(begin * S), "output", slave=3, output="relay1", on=True)
        story.wire(int(end * S), "output", slave=3, output="relay1", on=False)
    verdict = story.judge()
    assert where(verdict) == {"brief": 2, "lost": 1}
    assert found(verdict) == [("lost", "relay1=1")]


def test_a_state_that_never_was_is_invented() -> None:
    """A record of a contact that was open."""
    story = board()
    story.poll(127 * S, [1, 0])
    assert found(story.judge()) == [("invented", "di1=1")]


def test_a_change_over_a_restart_arrives_with_the_first_poll() -> None:
    """And one that came and went inside it may be missing."""
    story = board()
    story.wire(133 * S, "output", slave=3, output="relay1", on=True)
    story.wire(137 * S, "output", slave=3, output="relay1", on=False)
    story.wire(137 * S, "contact", slave=3, contact="di1", on=True)
    story.start(138 * S)
    story.poll(139 * S, [1, 0])
    story.poll(149 * S, [1, 0])
    verdict = story.judge()
    assert verdict.ok, verdict.problems
    assert where(verdict) == {"dead_time": 1}


def portal() -> Story:
    """A tag read ten times a second from 110 to 120, in windows of a second; the gateway away from 114 to 117."""
    story = Story(Wired("d", "tags", "d"))
    story.state(START + 1000, "online")
    for n in range(100):
        story.wire(110 * S + n * S // 10, "tag", epc="E1")
    for n in (*range(110, 114), *range(117, 120)):
        window(story, n)
    story.record(110 * S, "tag.seen/1", device="d", epc="E1")
    story.record(117 * S, "tag.seen/1", device="d", epc="E1")
    story.start(116 * S)
    story.state(117 * S - 100_000, "online")
    return story


def window(story: Story, n: int) -> None:
    first = n * S + 10**15
    story.record(n * S + 900_000, "tag.window/1", device="d", epc="E1", n=10, first=first, last=first + 900_000)


def test_tag_reads_are_counted() -> None:
    """Windows before and after the restart hold the reads of their time."""
    verdict = portal().judge()
    assert verdict.ok, verdict.problems
    assert where(verdict) == {"dead_time": 30}


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda s: s.rows.remove(next(r for r in s.rows if r.body.get("n") and r.mono < 112 * S)), "lost"),
        (lambda s: window(s, 111), "twice"),
        (lambda s: s.record(118 * S, "tag.window/1", device="d", epc="E9", n=1, first=0, last=0), "invented"),
        (lambda s: [s.rows.remove(r) for r in list(s.rows) if r.kind == "tag.seen/1"], "lost"),
    ],
)
def test_wrong_counts_of_tags(spoil: Callable[[Story], object], what: str) -> None:
    """A window less, one more, a tag that was not there, a tag that nobody announced."""
    story = portal()
    spoil(story)
    assert {problem for problem, _ in found(story.judge())} == {what}


def first_reads(story: Story, came: int) -> None:
    """A tag whose first reads after the restart came in one piece at 117, since the gateway was busy; the rest by 117.9.

    `came` of them are told, each in a window of its own; the others begin the window that follows.
    """
    first = 117 * S + 10**15
    story.rows = [row for row in story.rows if row.kind != "tag.window/1" or not 117 * S < row.mono < 118 * S]
    for _ in range(came):
        story.record(117 * S, "tag.window/1", device="d", epc="E1", n=1, first=first, last=first)
    # wall clock and CLOCK_BOOTTIME are read one after the other: their distance is not the same each time
    story.record(117 * S + 900_000 - 7, "tag.window/1", device="d", epc="E1", n=9, first=first, last=first + 900_000)


def test_reads_that_came_with_the_first_one_of_a_visit() -> None:
    """The read that begins it is told at once; those with it begin the next window at the same time. That is no double."""
    story = portal()
    first_reads(story, 1)
    verdict = story.judge()
    assert verdict.ok, verdict.problems


def test_the_first_read_of_a_visit_is_told_twice() -> None:
    """There were fewer reads on the wire, whatever the windows' times are."""
    story = Story(Wired("d", "tags", "d"))
    story.state(START + 1000, "online")
    story.wire(110 * S, "tag", epc="E1")
    story.record(110 * S, "tag.seen/1", device="d", epc="E1")
    for _ in range(2):
        story.record(110 * S, "tag.window/1", device="d", epc="E1", n=1, first=110 * S, last=110 * S)
    story.state(120 * S, "online")
    assert found(story.judge()) == [("twice", "E1")]


def camera() -> Story:
    """A code in view from 110 to 115, and one from 120 on; the gateway is killed at 125 and back at 128."""
    story = Story(Wired("d", "views", "d"))
    story.state(START + 1000, "online")
    story.wire(110 * S, "scan", text="A")
    story.wire(115 * S, "gone", text="A")
    story.wire(120 * S, "scan", text="B")
    story.wire(135 * S, "gone", text="B")
    story.record(110 * S + 200_000, "scan/1", device="d", text="A")
    story.record(120 * S + 200_000, "scan/1", device="d", text="B")
    story.start(127 * S)
    return story


def test_a_code_is_seen_once_per_showing() -> None:
    """And once more by a gateway that has started anew; but not twice without that."""
    story = camera()
    story.record(128 * S, "scan/1", device="d", text="B")
    assert story.judge().ok
    story.record(129 * S, "scan/1", device="d", text="A")
    assert found(story.judge()) == [("twice", "A")]


def test_a_code_that_is_still_shown_at_the_end() -> None:
    """Nothing says that it is gone: a gateway that has started anew sees it anew, though the wire says nothing any more."""
    story = camera()
    story.wires["d"] = [event for event in story.wires["d"] if event["mono"] < 130 * S]
    story.record(128 * S, "scan/1", device="d", text="B")
    assert story.judge().ok


def test_a_code_that_stood_in_view_unseen_is_lost() -> None:
    """While one that passed in the restart is not."""
    story = camera()
    story.rows = [row for row in story.rows if row.body.get("text") != "A"]
    story.record(128 * S, "scan/1", device="d", text="B")
    assert found(story.judge()) == [("lost", "A")]
