"""What the centre's commands show a person: whole on a terminal of any width and in a pipe, and which of several alarms it is."""

import re
from pathlib import Path

import pytest

from central import queries
from central.cli import main
from central.ingest import Ingest
from central.locks import alone
from central.store import Store, reader
from model.bodies import AlarmBody, Cause
from model.observation import Quality
from model.record import Stream
from support.source import T0, Source
from support.terminal import on_terminal
from sync.contract.messages import encode

IDS = [f"7a3e0f5{n}-1111-4222-8333-444455556666" for n in range(3)]
GATEWAY = "gw-cold-store-north-building-27-second-floor"


def store_full(alarm: str, level: float, share: float) -> AlarmBody:
    cause = Cause(device="gateway", point="store", value=share, unit="%", quality=Quality.GOOD, t=T0, mono=1)
    return AlarmBody(
        alarm=alarm, rule="gateway.store", what="store_full", device="gateway", point="store",
        profile="default@1", cause=cause, limit=level,
    )  # fmt: skip


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    """A gateway's store has passed three levels; the first alarm was acknowledged."""
    store = Store(tmp_path)
    source = Source(Stream.ALARM, gw=GATEWAY)
    said = [store_full(alarm, level, 96.2) for alarm, level in zip(IDS, (70, 85, 95.5), strict=True)]
    source.write(*(("alarm.raised/1", encode(one)) for one in said), ("alarm.acked/1", encode(said[0])))
    Ingest(store).take([source.batch()])
    store.close()
    return tmp_path


def shown(centre: Path, *command: str, columns: int) -> str:
    return on_terminal("central", *command, "--data", centre, "--lang", "en", columns=columns)


def piped(capsys: pytest.CaptureFixture[str], centre: Path, *command: str) -> str:
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--data", str(centre), "--lang", "en"])
    return capsys.readouterr().out


def test_each_alarm_has_its_limit(centre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three alarms that differ in nothing else, for a person and for a program; one that has none shows none."""
    store = Store(centre)
    lift = AlarmBody(alarm=IDS[0], rule="lift", what="lift_alarm", device="lift", point="call", profile="p@1")
    source = Source(Stream.ALARM, gw="gw-2")
    source.write(("alarm.raised/1", encode(lift)))
    Ingest(store).take([source.batch()])
    store.close()
    found = {(one["gw"], one["alarm"]): (one["limit"], one["unit"]) for one in queries.alarms(reader(centre))}
    assert found == {
        (GATEWAY, IDS[0]): (70, "%"), (GATEWAY, IDS[1]): (85, "%"), (GATEWAY, IDS[2]): (95.5, "%"),
        ("gw-2", IDS[0]): (None, None),
    }  # fmt: skip
    lines = piped(capsys, centre, "alarms").splitlines()
    for alarm, level in zip(IDS, ("70 %", "85 %", "95.5 %"), strict=True):
        (line,) = (line for line in lines if alarm[:8] in line and GATEWAY in line)
        assert f"  {level}  " in line


@pytest.mark.parametrize(
    ("what", "unit", "limit", "shown"),
    [("lift_test_failed", "s", 259200, "72 h"), ("terminal_lost", "1", 90, "90 s"), ("battery_low", "h", 30, "30 %")],
)
def test_a_limit_has_its_own_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, unit: str, limit: float, shown: str
) -> None:
    """Which is not always that of the point that the alarm is about."""
    cause = Cause(device="t", point="p", value=1, unit=unit, quality=Quality.GOOD, t=T0, mono=1)
    body = AlarmBody(
        alarm=IDS[0], rule="r", what=what, device="t", point="p", profile="p@1", cause=cause, limit=limit
    )  # fmt: skip
    source = Source(Stream.ALARM)
    source.write(("alarm.raised/1", encode(body)))
    store = Store(tmp_path)
    Ingest(store).take([source.batch()])
    store.close()
    assert f"  {shown}  " in piped(capsys, tmp_path, "alarms")


def test_a_changed_body_does_not_hide_the_alarm(centre: Path) -> None:
    """The list stays; that the row was changed is for `audit` to tell."""
    store = Store(centre)
    store.db.execute("UPDATE record SET body = CAST('[]' AS BLOB)")
    store.close()
    assert [one["limit"] for one in queries.alarms(reader(centre))] == [None] * 3


@pytest.mark.parametrize("command", ["alarms", "counts"])
def test_a_pipe_gets_all_of_it(
    centre: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One line per row, as long as it is, whatever COLUMNS says."""
    monkeypatch.setenv("COLUMNS", "40")
    lines = piped(capsys, centre, command).splitlines()
    assert [line for line in lines if GATEWAY in line]
    assert len(lines) == {"alarms": 4, "counts": 3}[command]


@pytest.mark.parametrize("columns", [80, 160])
def test_a_terminal_folds_what_is_long(centre: Path, columns: int) -> None:
    """Nothing is cut: each character of the gateway's id is there, line by line."""
    with alone(centre, "central"):
        said = shown(centre, "alarms", columns=columns)
    assert "…" not in said
    lines = said.splitlines()
    assert max(map(len, lines)) <= columns
    head = next(line for line in lines if "gateway" in line)
    start, end = head.index("gateway"), head.index("device")
    rows = [line[start:end].strip() for line in lines if line is not head]
    assert "".join(rows) == GATEWAY * 3


def test_an_id_that_is_typed_stays_whole(centre: Path) -> None:
    """On a very narrow terminal too: `ack` takes what stands there."""
    said = shown(centre, "alarms", columns=50)
    assert len(re.findall(r"7a3e0f5\d\s*$", said, re.MULTILINE)) == 3
    assert queries.alarm(reader(centre), IDS[1][:8]) == (GATEWAY, IDS[1], None)
