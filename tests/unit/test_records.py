"""Bodies of records, and which observations become one."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.scanner.config import SYMBOL_MAX_BYTES, ScannerConfig
from gateway.records import (
    TAG_GONE_US,
    Arrivals,
    Changes,
    card_draft,
    point_map_draft,
    poll_draft,
    scan_draft,
    window_draft,
)
from model.bodies import ReadingPoll, ScanBody
from model.observation import Card, Point, PointMap, Poll, Quality, Scan, TagWindow
from model.record import Stream
from model.time import Stamp, TimeQuality

BOARD = PointMap("io1", "board", 1, (Point("di", urgent=True), Point("relay"), Point("beat", quiet=True)), "change", 60)


def at(seconds: float) -> Stamp:
    return Stamp("boot", 1_000_000_000 + round(seconds * 1e6), TimeQuality("ntp", 1), 1_000_000 + round(seconds * 1e6))


def board(seconds: float, *values: int | None, quality: list[Quality] | None = None, points: PointMap = BOARD) -> Poll:
    return Poll("io1", points, list(values), at(seconds), quality)


@given(st.lists(st.none() | st.integers(-(2**31), 2**32), min_size=1, max_size=20), st.booleans())
def test_a_reading_comes_back_from_its_bytes(values: list[int | None], good: bool) -> None:
    """Positional, raw, and without a quality where all is good."""
    quality = None if good else [Quality.GOOD if v is not None else Quality.SENSOR_FAULT for v in values]
    made = poll_draft(board(0, *values, quality=quality))
    assert made.stream is Stream.READING
    body = msgspec.json.decode(made.body, type=ReadingPoll)
    assert (body.d, body.p, body.v, body.q) == ("io1", BOARD.hash, values, quality)
    assert ("q" in json.loads(made.body)) == (not good)


@given(st.binary(max_size=200))
def test_a_scan_keeps_every_byte(data: bytes) -> None:
    """As text where it is UTF-8, else in hex, never both, never changed."""
    body = msgspec.json.decode(scan_draft(Scan("s", data, at(0), "]d2")).body, type=ScanBody)
    assert (body.text is None) != (body.hex is None)
    assert (body.text.encode() if body.text is not None else bytes.fromhex(body.hex or "")) == data
    assert body.aim == "]d2"


def test_a_text_in_another_charset_keeps_its_bytes() -> None:
    """Text for people and the bytes beside it; where it is not even text in that charset, the bytes alone."""
    body = json.loads(scan_draft(Scan("s", "阜新".encode("gb18030"), at(0), charset="gb18030")).body)
    assert body == {"device": "s", "text": "阜新", "hex": "b8b7d0c2", "charset": "gb18030"}
    by_chance = "医药".encode("gb18030")  # is text in UTF-8 too
    assert json.loads(scan_draft(Scan("s", by_chance, at(0), charset="gb18030")).body)["text"] == "医药"
    assert "hex" not in json.loads(scan_draft(Scan("s", "医药".encode(), at(0))).body)
    assert json.loads(scan_draft(Scan("s", b"\xff", at(0), charset="gb18030")).body) == {"device": "s", "hex": "ff"}


def test_a_scan_names_its_picture_and_its_doubt() -> None:
    body = json.loads(scan_draft(Scan("s", b"1", at(0), doubt="scan_gs_lost", frame=b"picture")).body)
    assert body == {
        "device": "s",
        "text": "1",
        "doubt": "scan_gs_lost",
        "frame": "2cea274d0bedc39ec4ab6ba9e59ec889e3ed6fb56a1cf088a64d9b383378dc97",
    }


@pytest.mark.parametrize("data", [b"\0", b"\xff"])
def test_the_longest_symbol_fits_a_record(data: bytes) -> None:
    """Whatever its bytes are, also where each of them becomes six in JSON; the settings allow no longer one."""
    scan_draft(Scan("s" * 32, data * SYMBOL_MAX_BYTES, at(0), "]d2", repeated=True))
    settings = {"id": "s", "driver": "scanner", "port": "/dev/ttyACM0"}
    ScannerConfig.model_validate({**settings, "max_bytes": SYMBOL_MAX_BYTES})
    with pytest.raises(ValidationError, match="less than or equal to 8000"):
        ScannerConfig.model_validate({**settings, "max_bytes": SYMBOL_MAX_BYTES + 1})


def test_the_map_is_told_whole() -> None:
    """What a subscriber needs to read a reading, under the hash that readings carry."""
    body = json.loads(point_map_draft(board(0, 0, 0, 0)).body)
    assert (body["hash"], body["record"], body["heartbeat_s"]) == (BOARD.hash, "change", 60)
    assert [p["name"] for p in body["points"]] == ["di", "relay", "beat"]


def test_a_window_is_told_whole() -> None:
    """Its own span, and it stands in time where it ended."""
    made = window_draft(TagWindow("gate", "E2", "3000", 7, at(1), at(2), -60, -50, -55, 2))
    assert made.at == at(2)
    assert json.loads(made.body) == {
        "device": "gate",
        "epc": "E2",
        "pc": "3000",
        "n": 7,
        "first": at(1).t,
        "last": at(2).t,
        "rssi": [-60, -50, -55],
        "antenna": 2,
    }


def test_a_window_keeps_what_tells_the_direction() -> None:
    """When the tag was read strongest; beside it the channel, the TID, and the reader's own clock."""
    times = {"reader_first": 5, "reader_peak": 6}
    window = TagWindow("gate", "E2", None, 7, at(1), at(3), peak=at(2), channel=0, tid="E280", **times)
    body = json.loads(window_draft(window).body)
    assert "pc" not in body
    assert (body["peak"], body["channel"], body["tid"], body["reader"]) == (at(2).t, 0, "E280", [5, 6, None])


@pytest.mark.parametrize("time", [-1, 2**63, 2**64 - 1])
def test_a_clock_of_which_nothing_can_be_true_is_left_out(time: int) -> None:
    """The contract has no such time; what the reader else says stays."""
    window = TagWindow("gate", "E2", None, 7, at(1), at(3), reader_first=time, reader_last=9)
    assert json.loads(window_draft(window).body)["reader"] == [None, None, 9]
    assert "reader" not in json.loads(
        window_draft(TagWindow("gate", "E2", None, 7, at(1), at(3), reader_peak=time)).body
    )


def test_a_card_comes_and_goes() -> None:
    for present, kind in ((True, "card.seen/1"), (False, "card.gone/1")):
        made = card_draft(Card("desk", "0A00B14D3F", "em4100", present, at(1)))
        assert (made.kind, made.stream, made.at) == (kind, Stream.EVENT, at(1))
        assert json.loads(made.body) == {"device": "desk", "uid": "0A00B14D3F", "technology": "em4100"}


def test_what_is_urgent_and_what_is_a_record() -> None:
    """A change of an urgent point is both, of another point a record, of a quiet one neither."""
    changes = Changes()
    assert changes.judge(board(0, 0, 0, 0)) == (True, True)
    assert changes.judge(board(1, 0, 0, 1)) == (False, False)
    assert changes.judge(board(2, 0, 1, 2)) == (False, True)
    assert changes.judge(board(3, 1, 1, 3)) == (True, True)
    unknown = [Quality.COMM_ERROR, Quality.GOOD, Quality.GOOD]
    assert changes.judge(board(4, None, 1, 4, quality=unknown)) == (True, True)
    assert changes.judge(board(5, None, 1, 5, quality=unknown)) == (False, False)
    assert changes.judge(board(64.1, None, 1, 6, quality=unknown)) == (False, True)
    assert changes.judge(board(65, None, 1, 7, quality=unknown)) == (False, False)


def test_a_quality_alone_is_a_change() -> None:
    """No value before and after, for another reason."""
    changes = Changes()
    changes.judge(board(0, None, 0, 0, quality=[Quality.COMM_ERROR, Quality.GOOD, Quality.GOOD]))
    assert changes.judge(board(1, None, 0, 0, quality=[Quality.STALE, Quality.GOOD, Quality.GOOD])) == (True, True)


def test_a_device_that_is_new_or_back_is_recorded() -> None:
    """Each device by itself; a driver that has started anew brings a map of its own, and its first poll is a record."""
    changes = Changes()
    changes.judge(board(0, 0, 0, 0))
    again = msgspec.structs.replace(BOARD)
    assert changes.judge(board(1, 0, 0, 0, points=again)) == (True, True)
    assert changes.judge(Poll("io2", BOARD, [0, 0, 0], at(1))) == (True, True)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.floats(0, 30)), max_size=30))
def test_a_tag_arrives_when_it_was_gone(reads: list[tuple[str, float]]) -> None:
    """First reads and reads after ten seconds of absence are arrivals, each tag by itself; and memory stays bounded."""
    arrivals = Arrivals()
    last: dict[str, float] = {}
    now = 0.0
    for tag, pause in reads:
        now += pause
        seen = arrivals.judge(TagWindow("gate", tag, "3000", 1, at(now), at(now)))
        absent = at(now).mono - at(last[tag]).mono if tag in last else TAG_GONE_US
        assert (seen is not None) == (absent >= TAG_GONE_US)
        last[tag] = now
    assert all(at(now).mono - then < TAG_GONE_US for then in arrivals._seen.values())


def test_a_record_that_was_not_taken_is_made_up_for() -> None:
    """After a refused write the next poll counts as a change, or the change itself would never be written."""
    changes = Changes()
    assert changes.judge(board(0, 0, 0, 0)) == (True, True)
    assert changes.judge(board(0, 0, 0, 0)) == (False, False)
    changes.forget("io1")
    assert changes.judge(board(0, 0, 0, 0)) == (True, True)
