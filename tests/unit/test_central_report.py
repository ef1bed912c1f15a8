"""Response times per lift and maintainer: from the hashed records, and told as changed where somebody changed one."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from central.cli import tree
from central.ingest import Ingest
from central.store import Store
from support.centre_lifts import LiftGateway
from support.source import T0, birth, new_id
from sync.contract.signing import private_key

CALL = 100
BODY = (
    "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), '{}', '{}') AS BLOB) "
    "WHERE kind = (SELECT id FROM word WHERE text = '{}')"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two lifts of one maintainer: a rescue in time, and one whose team came after 34 minutes; a suspicion that passed."""
    store = Store(tmp_path)
    one, two = LiftGateway("gw-1", "L1"), LiftGateway("gw-2", "L2")
    for gateway, rescue in ((one, "330106"), (two, "330107")):
        gateway.anchored()
        gateway.file(rescue=rescue, maintainer="Otis")
    for gateway, arrive in ((one, 22 * 60), (two, 34 * 60)):
        alarm = new_id()
        gateway.alarm("raised", CALL, alarm)
        gateway.alarm("acked", CALL + 20, alarm, by="Li Na", via="centre")
        gateway.alarm("dispatched", CALL + 200, alarm, by="Li Na", via="centre", team="Otis", tier=1)
        gateway.alarm("arrived", CALL + arrive, alarm, by="Wang", via="badge")
        gateway.alarm("ended", CALL + arrive + 600, alarm, by="Wang", via="key", fault="door_lock")
    quiet = new_id()
    two.alarm("raised", 9000, quiet, what="entrapment", suspected="level")
    two.alarm("cleared", 9100, quiet, what="entrapment", suspected="level", via="car")
    for gateway in (one, two):
        gateway.checkpoint(20_000, private_key(tmp_path / "gateways" / f"{gateway.gw}.key"))
        Ingest(store).take([birth(gateway.gw, new_id(), {}), *gateway.batches()])
    yield store
    store.close()


def run(*args: str) -> Result:
    return CliRunner().invoke(tree("en"), list(args))


def made(tmp_path: Path, *args: str) -> tuple[int, dict[str, Any]]:
    result = run("report", "--data", str(tmp_path), "--json", *args)
    return result.exit_code, json.loads(result.stdout)


def test_times_and_targets(store: Store, tmp_path: Path) -> None:
    """Each step from the call, met or missed by the targets; a suspicion that passed has none to meet."""
    code, said = made(tmp_path)
    assert (code, said["intact"]) == (0, True)
    first, second, quiet = said["rescues"]
    assert {k: first["after"][k] for k in ("ack", "dispatch", "arrive", "end")} == {
        "ack": 20, "dispatch": 200, "arrive": 1320, "end": 1920,
    }  # fmt: skip
    assert first["targets"] == {"ack": "met", "dispatch": "met", "arrive": "met"}
    assert (second["targets"]["arrive"], second["after"]["arrive"]) == ("missed", 2040)
    assert (quiet["suspected"], quiet["targets"]) == ("level", {})
    assert (first["raised_utc"], len(first["records"])) == (T0 + CALL * 1_000_000, 5)
    (otis,) = said["maintainers"]
    assert (otis["maintainer"], otis["calls"], otis["suspected"]) == ("Otis", 3, 1)
    assert otis["times"]["arrive"] == {"n": 2, "p50": 1680, "max": 2040}
    assert otis["targets"]["arrive"] == {
        "met": 1,
        "missed": 1,
        "open": 0,
        "unrecorded": 0,
        "doubtful": 0,
        "unproven": 0,
    }
    assert [(lift["lift"], lift["targets"]["arrive"]["missed"]) for lift in said["lifts"]] == [
        ("330106", 0),
        ("330107", 1),
    ]


def test_what_was_never_done_is_told(store: Store, tmp_path: Path) -> None:
    """A rescue that ended with no word of a team, and one from afar that nobody had answered: beside what was met and missed."""
    gateway, short, afar = LiftGateway("gw-3", "L3"), new_id(), new_id()
    gateway.anchored()
    gateway.file(rescue="330108", maintainer="Kone")
    gateway.alarm("raised", CALL, short)
    gateway.alarm("acked", CALL + 10, short, by="Li Na", via="centre")
    gateway.alarm("ended", CALL + 100, short, by="Wang", via="key")
    gateway.alarm("raised", 9000, afar)
    gateway.alarm("ended", 9020, afar, by="Li Na", via="remote", reason="stuck")
    Ingest(store).take(gateway.batches())
    _, said = made(tmp_path)
    (kone,) = (one for one in said["maintainers"] if one["maintainer"] == "Kone")
    assert {step: kone["targets"][step]["unrecorded"] for step in ("ack", "dispatch", "arrive")} == {
        "ack": 1, "dispatch": 2, "arrive": 2,
    }  # fmt: skip
    assert kone["remote"] == 1
    lines = run("report", "--data", str(tmp_path)).stdout.splitlines()
    assert "0:50 / 1:07" in lines[0]
    (line,) = (line for line in lines if line.startswith("Kone"))
    assert "acknowledge 1 dispatch 2 arrive 2" in line
    rescues = [line for line in lines if line.startswith("330108")][1:]
    assert ["REMOTE" in line for line in rescues] == [False, True]
    assert "0:10" in rescues[0]


def test_of_some_days(store: Store, tmp_path: Path) -> None:
    """By the calendar of this machine, the last day with them."""
    day = datetime.fromtimestamp(T0 / 1e6 + CALL).astimezone()
    before, after = (f"{day + timedelta(n):%Y-%m-%d}" for n in (-1, 1))
    for which, there in (
        (("--from", f"{day:%Y-%m-%d}", "--to", after), True),
        (("--from", before, "--to", before), False),
        (("--days", "1"), False),
        ((), True),
    ):
        assert bool(made(tmp_path, *which)[1]["rescues"]) == there, which
    assert run("report", "--data", str(tmp_path), "--days", "1", "--from", before).exit_code == 1
    quiet = run("report", "--data", str(tmp_path), "--from", before, "--to", before).stdout
    assert quiet.startswith("No calls in this time.\nIntact")
    backwards = run("report", "--data", str(tmp_path), "--from", after, "--to", before)
    assert (backwards.exit_code, backwards.stdout) == (1, "")
    assert backwards.stderr.startswith(f"--from {after} is later than --to {before}\n→ ")


def test_two_buildings_lifts_of_one_id_are_two(tmp_path: Path) -> None:
    """Nor are those one of whose numbers only one is the same."""
    store = Store(tmp_path)
    gateways = [LiftGateway(f"gw-{n}", "lift-1") for n in range(4)]
    for n, gateway in enumerate(gateways):
        gateway.anchored()
        if n >= 2:
            gateway.file(rescue="330106", registration=f"R{n}")
        gateway.alarm("raised", CALL, new_id())
    Ingest(store).take([m for g in gateways for m in g.batches()])
    _, said = made(tmp_path)
    assert [(lift["lift"], lift["calls"]) for lift in said["lifts"]] == [("330106", 1)] * 2 + [("lift-1", 1)] * 2
    store.close()


def test_a_call_is_his_who_had_the_lift_then(tmp_path: Path) -> None:
    """Not the next maintainer's; and of two gateways' files each is asked for its own lift."""
    store = Store(tmp_path)
    first, second, other = LiftGateway("gw-1", "L1"), LiftGateway("gw-2", "L7"), LiftGateway("gw-2", "L1")
    other.streams = second.streams
    for gateway in (first, second):
        gateway.anchored()
    first.file(1, rescue="330106")
    second.file(2, rescue="330106", maintainer="Slow Co")
    other.file(3, rescue="999999", maintainer="Wrong Co")
    for gateway in (first, second):
        alarm = new_id()
        gateway.alarm("raised", CALL, alarm)
        gateway.alarm("ended", CALL + 7000, alarm, by="Wang", via="key")
    second.file(9000, rescue="330106", maintainer="New Co")
    Ingest(store).take([*first.batches(), *second.batches()])
    store.close()
    _, said = made(tmp_path)
    assert [(one["lift"], one["maintainer"], one["gws"]) for one in said["rescues"]] == [
        ("330106", "Slow Co", ["gw-1", "gw-2"])
    ]


@pytest.mark.parametrize("column", ["body = replace(CAST(body AS TEXT), 'key', 'pin')", "t = 'now'", "hash = 'none'"])
def test_a_row_that_is_no_record_any_more_is_altered(store: Store, tmp_path: Path, column: str) -> None:
    """As a shell of SQLite leaves it: text where bytes or a number were."""
    store.db.execute(
        f"UPDATE record SET {column} WHERE kind IN (SELECT id FROM word WHERE text IN ('alarm.ended/1', 'checkpoint/1'))"
    )
    code, said = made(tmp_path)
    assert (code, said["state"]) == (1, "altered")


def test_a_city_has_its_own_targets(store: Store, tmp_path: Path) -> None:
    """As data in central.toml."""
    (tmp_path / "central.toml").write_text("[rescue]\nack_s = 10\narrive_s = 900\n")
    _, said = made(tmp_path)
    assert [one["targets"]["arrive"] for one in said["rescues"][:2]] == ["missed", "missed"]
    assert said["rescues"][0]["targets"]["ack"] == "missed"
    assert said["targets"]["ack_s"] == 10


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE record SET t = t + 1 WHERE place = (SELECT place FROM step WHERE kind = 'alarm.arrived/1' LIMIT 1)",
        (
            "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), 'Wang', 'Chen') AS BLOB) "
            "WHERE kind = (SELECT id FROM word WHERE text = 'alarm.ended/1')"
        ),
        "UPDATE record SET mono = mono - 600000000 WHERE kind = (SELECT id FROM word WHERE text = 'alarm.arrived/1')",
        "DELETE FROM record WHERE kind = (SELECT id FROM word WHERE text = 'alarm.arrived/1')",
        "DELETE FROM record WHERE kind = (SELECT id FROM word WHERE text = 'alarm.cleared/1')",
        (
            "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), 'Otis', 'Kone') AS BLOB) "
            "WHERE kind = (SELECT id FROM word WHERE text = 'lift.file/1')"
        ),
        "UPDATE record SET hash = zeroblob(32) WHERE kind = (SELECT id FROM word WHERE text = 'time.anchor/1')",
    ],
)
def test_what_was_changed_by_hand_is_said(store: Store, tmp_path: Path, damage: str) -> None:
    """By whoever has the database: a time, a name, a whole row, the maintainer, the clock. Exit code 1."""
    store.db.execute(damage)
    assert store.db.changes()
    code, said = made(tmp_path)
    assert (code, said["intact"]) == (1, False)
    assert said["broken"] or said["unaccounted"]
    assert "NOT INTACT" in run("report", "--data", str(tmp_path)).stdout


def test_derived_tables_are_not_believed(store: Store, tmp_path: Path) -> None:
    """Whoever edits what the desk shows has not edited the report."""
    before = made(tmp_path)[1]
    store.db.execute("DELETE FROM incident")
    store.db.execute("DELETE FROM anchor")
    store.db.execute("UPDATE lift SET maintainer = 'Kone'")
    store.db.execute("UPDATE alarm SET start = 1, acked = 1, acked_by = 'x'")
    after = made(tmp_path)[1]
    assert after["intact"] is True
    assert [after[part] for part in ("rescues", "lifts", "maintainers")] == [
        before[part] for part in ("rescues", "lifts", "maintainers")
    ]


def test_a_report_cannot_be_edited(store: Store, tmp_path: Path) -> None:
    """One byte of the file, or another centre's key: exit code 1; what is no report at all is an error of its own."""
    file, key = tmp_path / "report.json", tmp_path / "central.pub"
    assert made(tmp_path, "--out", str(file))[0] == 0
    good = run("report", "verify", str(file), "--key", str(key), "--json")
    said = {"file": str(file), "signed": True, "intact": True, "state": "intact"}
    assert (good.exit_code, json.loads(good.stdout)) == (0, said)
    file.write_bytes(file.read_bytes().replace(b'"arrive":"missed"', b'"arrive":"met"'))
    bad = run("report", "verify", str(file), "--key", str(key))
    assert (bad.exit_code, "ALTERED" in bad.stdout) == (1, True)
    key.with_name("no.pub").write_text("no key")
    for none in ("no.pub", "not_there.pub"):
        wrong = run("report", "verify", str(file), "--key", str(tmp_path / none))
        assert (wrong.exit_code, "is no public key of a centre" in wrong.stderr, "central.pub" in wrong.stderr) == (
            1,
            True,
            True,
        )
    file.write_bytes(b"{}")
    assert "not a report" in run("report", "verify", str(file), "--key", str(key)).stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b'{"report":{"format":"doorpost-rescue-report/1","intact":true,"rescues":[]},' + raw[1:],
        lambda raw: raw[:-1] + b',"report":' + raw[len(b'{"report":') : raw.rindex(b',"key"')] + b"}",
        lambda raw: raw[:-1] + b',"more":1}',
        lambda raw: b" " + raw + b"\n",
    ],
)
def test_a_report_is_taken_as_it_was_written(store: Store, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """Its three keys, each once, and nothing else: not what one program reads as this and another as that."""
    file, key = tmp_path / "report.json", tmp_path / "central.pub"
    made(tmp_path, "--out", str(file))
    file.write_bytes(change(file.read_bytes()))
    found = run("report", "verify", str(file), "--key", str(key))
    assert (found.exit_code, "not a report" in found.stderr) == (1, True)


def test_a_person_reads_it(store: Store, tmp_path: Path) -> None:
    """The middle one and the longest, and which targets were missed."""
    out = run("report", "--data", str(tmp_path)).stdout
    (line,) = (line for line in out.splitlines() if line.startswith("Otis"))
    assert "28:00 / 34:00" in line
    assert "arrive 1" in line
    assert run("report").exit_code == 2, "which centre's?"
