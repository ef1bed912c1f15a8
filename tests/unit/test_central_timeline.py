"""Where records lie on the calendar when their gateway's clock was wrong: located by anchors, never rewritten."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central import queries
from central.cli import main
from central.ingest import Ingest
from central.store import Store, reader
from model.bodies import AlarmBody, ScanBody, TimeAnchor
from model.record import Draft, Stream, chain, genesis
from model.time import Stamp, TimeQuality
from model.timeline import Timeline
from support.source import STORE, T0, Source, new_id
from sync.contract.messages import encode

HOUR = 3_600_000_000
BOOT, BEFORE = "0b6f4c1e-1111-4222-8333-444455556666", "0b6f4c1e-1111-4222-8333-444455557777"
UNKNOWN = TimeQuality("unknown")


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    store = Store(tmp_path)
    yield Ingest(store)
    store.close()


def anchor(mono: int, utc: int, source: str = "ntp", err_ms: int | None = None, *, boot: str = BOOT) -> TimeAnchor:
    return TimeAnchor(boot=boot, mono=mono, utc=utc, source=source, err_ms=err_ms)


class Gateway:
    """Streams of one gateway, stamped as its clocks said at the time."""

    def __init__(self, gw: str = "gw-1") -> None:
        self.gw = gw
        self.streams: dict[Stream, Source] = {}

    def say(
        self, kind: str, body: msgspec.Struct, t: int, mono: int, tq: TimeQuality = UNKNOWN, *, boot: str = BOOT
    ) -> None:
        draft = Draft(kind, encode(body), Stamp(boot, t, tq, mono))
        source = self.streams.setdefault(draft.stream, Source(draft.stream, gw=self.gw))
        last = len(source.records)
        prev = source.records[-1].hash if last else genesis(STORE)
        source.records += chain(prev, self.gw, STORE, draft.stream, last + 1, [draft])

    def anchored(self, at: TimeAnchor) -> None:
        tq = TimeQuality(at.source, at.err_ms)  # type: ignore[arg-type]  # the body takes any text
        self.say("time.anchor/1", at, at.utc, at.mono, tq, boot=at.boot)

    def scan(self, code: str, t: int, mono: int, tq: TimeQuality = UNKNOWN, *, boot: str = BOOT) -> None:
        self.say("scan/1", ScanBody(device="scan1", text=code), t, mono, tq, boot=boot)

    def send(self, ingest: Ingest) -> None:
        """A batch per record: a batch is of one boot."""
        for source in self.streams.values():
            ingest.take([source.batch(seq, seq) for seq in range(1, len(source.records) + 1)])


def test_clock_set_right_after_three_hours(ingest: Ingest, tmp_path: Path) -> None:
    """What was scanned in 1970 lies three hours before the clock was set; each record still says what it said."""
    gateway = Gateway()
    gateway.anchored(anchor(60_000_000, 60_000_000, "unknown"))
    gateway.scan("a", 2 * HOUR, 2 * HOUR)
    gateway.anchored(anchor(3 * HOUR, T0, "ntp", 12))
    gateway.scan("a", T0 + HOUR, 4 * HOUR, TimeQuality("ntp", 12))
    gateway.send(ingest)
    first, second = queries.trace(reader(tmp_path), "a")
    assert (first["t"], first["tq"], first["utc"], first["utc_tq"]) == (
        2 * HOUR, ["unknown", None], T0 - HOUR, ["ntp", 12],
    )  # fmt: skip
    assert (second["t"], second["utc"]) == (T0 + HOUR, T0 + HOUR)
    listed = list(queries.records(reader(tmp_path), "gw-1", "event", None))
    assert [one["t"] for one in listed] == [2 * HOUR, T0 + HOUR]
    assert [one["utc"] for one in listed] == [T0 - HOUR, T0 + HOUR]


def test_boot_without_a_trusted_anchor_stays_unknown(
    ingest: Ingest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another boot's anchor, another gateway's, or a clock that nobody had set, locate nothing; people are told so."""
    other = Gateway("gw-2")
    other.anchored(anchor(0, T0, boot=BEFORE))
    other.send(ingest)
    gateway = Gateway()
    gateway.anchored(anchor(0, 0, "unknown", boot=BEFORE))
    gateway.scan("a", HOUR, HOUR, boot=BEFORE)
    gateway.anchored(anchor(0, T0))
    gateway.scan("a", T0 + HOUR, HOUR, TimeQuality("ntp", 12))
    gateway.send(ingest)
    assert [(one["t"], one["utc"]) for one in queries.trace(reader(tmp_path), "a")] == [
        (HOUR, None), (T0 + HOUR, T0 + HOUR),
    ]  # fmt: skip
    with pytest.raises(SystemExit, match="0"):
        main(["records", "--stream", "event", "--data", str(tmp_path), "--lang", "en"])
    assert ["(clock not set)" in line for line in capsys.readouterr().out.splitlines()] == [True, False]


def test_codes_are_traced_in_the_order_of_their_true_times(ingest: Ingest, tmp_path: Path) -> None:
    """A gateway whose clock said 1970 does not push its scans to the front."""
    late, early = Gateway("gw-1"), Gateway("gw-2")
    late.scan("a", 0, HOUR)
    late.anchored(anchor(2 * HOUR, T0))
    early.anchored(anchor(0, T0 - 5 * HOUR))
    early.scan("a", T0 - 5 * HOUR, 0, TimeQuality("ntp", 1))
    for gateway in (late, early):
        gateway.send(ingest)
    assert [one["gw"] for one in queries.trace(reader(tmp_path), "a")] == ["gw-2", "gw-1"]


def test_alarm_of_a_wrong_clock_is_shown_when_it_was(
    ingest: Ingest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The desk sees when the button was pressed, or that the clock was not set; an alarm without its record says neither."""
    gateway = Gateway()
    for boot, alarm in ((BOOT, "a1"), (BEFORE, "a2")):
        body = AlarmBody(alarm=alarm, rule="lift", what="lift_alarm", device="io1", point="di1", profile="lift@1")
        gateway.say("alarm.raised/1", body, HOUR, HOUR, boot=boot)
    gateway.anchored(anchor(3 * HOUR, T0, "rtc"))
    gateway.send(ingest)
    found = {one["alarm"]: one for one in queries.alarms(reader(tmp_path))}
    assert [found["a1"][name] for name in ("raised", "raised_utc", "raised_utc_tq")] == [
        HOUR, T0 - 2 * HOUR, ["rtc", None],
    ]  # fmt: skip
    assert [found["a2"][name] for name in ("raised", "raised_tq", "raised_utc")] == [HOUR, ["unknown", None], None]
    with pytest.raises(SystemExit, match="0"):
        main(["alarms", "--data", str(tmp_path), "--lang", "en"])
    assert capsys.readouterr().out.count("1970") == 1


def test_an_anchor_that_says_nothing_locates_nothing(ingest: Ingest, tmp_path: Path) -> None:
    """It was stored as it came; the answers do not fail on it."""
    gateway = Gateway()
    gateway.say("time.anchor/1", ScanBody(device="scan1"), T0, 0)
    gateway.scan("a", T0, 0)
    gateway.send(ingest)
    assert queries.trace(reader(tmp_path), "a")[0]["utc"] is None


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (anchor(9, T0, "ntp", 500), anchor(9, 0, "rtc", 1)),
        (anchor(9, T0, "gnss", 1), anchor(9, 0, "ntp", 2)),
        (anchor(9, T0, "rtc"), anchor(9, 0, "estimated", 1)),
        (anchor(9, T0, "estimated"), anchor(9, 0, "unknown", 0)),
        (anchor(9, T0, "unknown", 1), anchor(8, 0, "sundial", 1)),
        (anchor(9, T0, "ntp", 10_000), anchor(9, 0, "ntp")),
        (anchor(9, T0, "rtc"), anchor(8, 0, "rtc")),
    ],
    ids=["ntp over rtc", "less error", "rtc over estimated", "estimated over unknown", "later", "known error", "set later"],
)  # fmt: skip
def test_best_anchor(better: TimeAnchor, worse: TimeAnchor) -> None:
    """Source, then error, then the later one; in whatever order they come."""
    for anchors in ((better, worse), (worse, better)):
        timeline = Timeline()
        for one in anchors:
            timeline.add(one)
        found = timeline.locate(BOOT, 9 + HOUR)
        assert found
        assert found.utc == T0 + HOUR


@given(
    st.permutations(
        [
            anchor(mono, T0 + mono + wrong, source, err)
            for mono, (wrong, source, err) in enumerate(
                itertools.product((0, HOUR), ("ntp", "rtc", "unknown"), (None, 1, 7))
            )
        ]
    )
)
def test_the_order_of_anchors_is_no_matter(anchors: list[TimeAnchor]) -> None:
    """Batches come out of order, and every database comes to the same."""
    timeline = Timeline()
    for one in anchors:
        timeline.add(one)
    assert timeline.locate(BOOT, HOUR) == (T0 + HOUR + HOUR, TimeQuality("ntp", 1))


def test_unknown_boot_is_nowhere() -> None:
    """No anchor, no place."""
    assert Timeline().locate(new_id(), 1) is None
