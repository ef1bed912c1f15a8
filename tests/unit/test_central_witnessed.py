"""The centre's records against the gateways' signed checkpoints: what whoever has the database can do, and what is told of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cli import tree
from central.ingest import Ingest
from central.store import SEQ_BITS, Store
from model.bodies import StoreDrop
from model.record import Draft, Stream, chain
from support.centre_lifts import LiftGateway
from support.source import STORE, Source, birth, new_id
from sync.contract.signing import private_key

AUDIT = Stream.AUDIT


class Site(NamedTuple):
    data: Path
    store: Store
    gateway: LiftGateway
    key: Ed25519PrivateKey
    calls: list[str]

    @property
    def db(self) -> Any:
        return self.store.db

    @property
    def lane(self) -> int:
        found: int = self.db.execute("SELECT id FROM lane WHERE stream = 'alarm'").get
        return found

    def place(self, seq: int, stream: str = "alarm") -> int:
        found: int = self.db.execute(f"SELECT id << {SEQ_BITS} | ? FROM lane WHERE stream = ?", (seq, stream)).get
        return found

    def hash(self, seq: int) -> bytes:
        return self.gateway.streams[Stream.ALARM].hash(seq)

    def forge(self, first: int, drafts: list[Draft], store: str = STORE) -> None:
        """Records of the centre's own making, chained to what is before them, with a watermark to match."""
        source = self.gateway.streams[Stream.ALARM] if store == STORE else Source(Stream.ALARM, gw="gw-1", store=store)
        self.db.execute("INSERT OR IGNORE INTO lane (gw, store, stream) VALUES ('gw-1', ?, 'alarm')", (store,))
        with self.store.transaction():
            lane = self.store.lane("gw-1", store, "alarm")
            self.db.execute(
                "DELETE FROM record WHERE place BETWEEN ? AND ?",
                (lane.place(first), lane.place(first + len(drafts) - 1)),
            )
            made = chain(source.hash(first - 1), "gw-1", store, Stream.ALARM, first, drafts)
            self.store.insert(lane, made)
            self.db.execute("UPDATE lane SET upto = ?, head = ? WHERE id = ?", (made[-1].seq, made[-1].hash, lane.id))

    def acked(self, call: str, s: float) -> Draft:
        """As if it had been answered then."""
        source = self.gateway.streams[Stream.ALARM]
        record = next(r for r in source.records if r.kind == "alarm.acked/1" and call.encode() in r.body)
        at = msgspec.structs.replace(record.at, t=int(s * 1e6), mono=int(s * 1e6))
        return Draft(record.kind, record.body, at)


def run(site: Site, *args: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(tree("en"), [*args, "--data", str(site.data), "--json"])
    return result.exit_code, json.loads(result.stdout)


def states(said: dict[str, Any]) -> dict[str, str]:
    return {one["stream"]: one["state"] for one in said["witness"] if one["store"] == STORE}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Three calls, the second and third answered late, and a checkpoint over all of it. The centre has the gateway's key."""
    (tmp_path / "gateways").mkdir()
    key = private_key(tmp_path / "gateways" / "gw-1.key")
    gateway, calls = LiftGateway(), [new_id() for _ in range(3)]
    gateway.anchored()
    gateway.file(1, rescue="900900", maintainer="Old")
    gateway.file(2, rescue="900900", maintainer="Bad")
    for call, s, ack in zip(calls, (100, 1000, 3000), (110, 1900, 4000), strict=True):
        gateway.alarm("raised", s, call)
        gateway.alarm("acked", ack, call, by="Li Na", via="centre")
        gateway.alarm("ended", ack + 500, call, via="key")
    gateway.checkpoint(5000, key)
    store = Store(tmp_path)
    Ingest(store).take([birth("gw-1", new_id(), {}), *gateway.batches()])
    yield Site(tmp_path, store, gateway, key, calls)
    store.close()


def called_lost(site: Site) -> None:
    """a. The second call is taken out, and called lost."""
    site.db.execute("DELETE FROM record WHERE place BETWEEN ? AND ?", (site.place(4), site.place(6)))
    site.db.execute("INSERT INTO settled VALUES (?, 4, 6, 'lost', 'pressure')", (site.lane,))
    site.db.execute("INSERT INTO seam VALUES (?, 7, ?)", (site.lane, site.hash(6)))


def tail_cut(site: Site) -> None:
    """b. The last two calls were never there."""
    site.db.execute("DELETE FROM record WHERE place BETWEEN ? AND ?", (site.place(4), site.place(9)))
    site.db.execute("UPDATE lane SET upto = 3, rows = 3, head = ? WHERE id = ?", (site.hash(3), site.lane))


def lane_removed(site: Site) -> None:
    """c. Nor was the whole stream."""
    site.db.execute("DELETE FROM record WHERE place BETWEEN ? AND ?", (site.place(1), site.place(9)))
    site.db.execute("DELETE FROM lane WHERE id = ?", (site.lane,))


def store_invented(site: Site) -> None:
    """d. Another store of the gateway says that all were answered at once."""
    site.forge(1, [site.acked(call, s + 5) for call, s in zip(site.calls[1:], (1000, 3000), strict=True)], new_id())


def tail_appended(site: Site) -> None:
    """e. The same store does, behind the checkpoint."""
    site.forge(10, [site.acked(site.calls[1], 1005)])


def rehashed(site: Site) -> None:
    """f. One answer is moved, with all hashes behind it."""
    records = site.gateway.streams[Stream.ALARM].records[5:]
    site.forge(5, [site.acked(site.calls[1], 1005), *(Draft(r.kind, r.body, r.at) for r in records)])


def file_removed(site: Site) -> None:
    """g. The maintainer is the one before."""
    site.db.execute("DELETE FROM record WHERE place = ?", (site.place(3, "audit"),))


EDITS: dict[Callable[[Site], None], tuple[str, str]] = {
    called_lost: ("alarm", "incomplete"),
    tail_cut: ("alarm", "missing"),
    lane_removed: ("alarm", "missing"),
    rehashed: ("alarm", "altered"),
    file_removed: ("audit", "altered"),
}


def test_what_is_whole_is_witnessed(site: Site) -> None:
    """All of the alarms up to the checkpoint; the record of it is the only one behind."""
    code, said = run(site, "audit")
    assert (code, states(said)) == (0, {"alarm": "intact", "audit": "intact"})
    (alarm,) = (one for one in said["witness"] if one["stream"] == "alarm")
    assert (alarm["witnessed"], alarm["beyond"], alarm["at"]) == ([[1, 9]], 0, 5_000_000_000)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_an_edited_database_is_told(site: Site, edit: Callable[[Site], None]) -> None:
    """By the audit: which lane, and how."""
    edit(site)
    stream, state = EDITS[edit]
    code, said = run(site, "audit")
    assert (code, states(said)[stream]) == (1, state)


def test_an_invented_store_is_told(site: Site) -> None:
    """Nobody has named it."""
    store_invented(site)
    code, said = run(site, "audit")
    assert (code, [one["state"] for one in said["witness"] if one["store"] != STORE]) == (1, ["unwitnessed"])


def test_a_tail_is_not_witnessed_yet(site: Site) -> None:
    """That is no fault by itself: it is said, with how many."""
    tail_appended(site)
    code, said = run(site, "audit")
    assert (code, states(said)["alarm"]) == (0, "not_witnessed")
    assert [one["beyond"] for one in said["witness"] if one["stream"] == "alarm"] == [1]


REPORTED = {
    **{edit: state for edit, (_, state) in EDITS.items()},
    store_invented: "unwitnessed",
    tail_appended: "not_witnessed",
}


def verdicts(said: dict[str, Any], site: Site) -> list[str]:
    """Of the answers to the calls that are there."""
    return [one["targets"]["ack"] for one in said["rescues"] if one["alarms"][0] in site.calls]


def test_a_report_of_what_is_whole(site: Site) -> None:
    """Met and missed, and nothing in doubt."""
    code, said = run(site, "report")
    assert (code, said["intact"], said["state"]) == (0, True, "intact")
    assert verdicts(said, site) == ["met", "missed", "missed"]
    assert [one["unproven"] for one in said["rescues"]] == [[]] * 3


@pytest.mark.parametrize("edit", REPORTED, ids=lambda edit: edit.__name__)
def test_a_report_on_an_edited_database_is_not_intact(site: Site, edit: Callable[[Site], None]) -> None:
    """Exit code 1 and why; what was made up is nowhere met."""
    edit(site)
    code, said = run(site, "report")
    assert (code, said["intact"], said["state"]) == (1, False, REPORTED[edit])
    assert "met" not in verdicts(said, site)[1:]
    text = CliRunner().invoke(tree("en"), ["report", "--data", str(site.data)]).stdout
    assert ("NOT INTACT" in text or "NOT PROVEN" in text, "never" in text or "no report can show" in text) == (
        True,
        True,
    )


def test_without_the_gateways_key(site: Site) -> None:
    """It is said that nothing was verified, and nothing counts as met."""
    (site.data / "gateways" / "gw-1.pub").unlink()
    code, said = run(site, "report")
    assert (code, said["state"], verdicts(said, site)) == (1, "unverified", ["unproven", "missed", "missed"])
    assert {one["key"] for one in said["witness"]} == {None}


def test_what_the_gateway_itself_calls_lost(site: Site) -> None:
    """A range that its own records declare, once they are witnessed, is named and no fault; but nothing binds what is before it."""
    called_lost(site)
    site.gateway.say(
        "store.drop/1",
        StoreDrop(series="1", stream="alarm", first=4, last=6, count=3, upto=0, bytes=1, reason="pressure"),
        6000,
    )
    site.gateway.checkpoint(6001, site.key)
    Ingest(site.store).take([site.gateway.streams[AUDIT].batch(5, 6)])
    code, said = run(site, "report")
    assert (code, said["state"]) == (1, "not_witnessed")
    (alarm,) = (one for one in said["witness"] if one["stream"] == "alarm")
    assert alarm["gaps"] == [{"first": 4, "last": 6, "how": "lost", "why": "pressure", "declared": True}]
    assert (alarm["witnessed"], alarm["beyond"]) == ([[7, 9]], 3)


def test_times_by_the_centres_own_note(site: Site) -> None:
    """Of a boot that never knew the time: not met, and it is said why."""
    later, call = LiftGateway(boot=new_id(), store=new_id()), new_id()
    later.alarm("raised", 10, call)
    later.alarm("acked", 15, call, by="Li Na", via="centre")
    later.checkpoint(100, site.key)
    Ingest(site.store).take([birth("gw-1", new_id(), {}, store=later.store), *later.batches()])
    code, said = run(site, "report")
    (one,) = (one for one in said["rescues"] if call in one["alarms"])
    assert (code, one["unproven"], one["targets"]["ack"]) == (0, ["centre_clock"], "unproven")


def test_against_a_witness_that_was_kept_elsewhere(site: Site) -> None:
    """Who removes the checkpoints with the tail is found by it, and only by it."""
    file = site.data / "kept.json"
    assert run(site, "witness", "gw-1", "--out", str(file))[0] == 0
    tail_cut(site)
    site.db.execute("DELETE FROM record WHERE place = ?", (site.place(4, "audit"),))
    site.db.execute("UPDATE lane SET upto = 3, rows = 3 WHERE stream = 'audit'")
    site.db.execute("DELETE FROM checkpoint")
    assert run(site, "report")[1]["state"] == "not_witnessed"
    code, said = run(site, "report", "--witness", str(file))
    assert (code, said["state"]) == (1, "missing")
    file.write_text("{}")
    assert run(site, "report", "--witness", str(file))[1]["error"]["code"] == "witness_unreadable"
