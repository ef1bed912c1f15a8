"""Persons, their PINs, the centre's settings and its outbox."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from central import persons
from central.cli import tree
from central.commands import acknowledge
from central.inbox import INBOX_MAX_BYTES, Inbox
from central.ingest import Ingest
from central.locks import alone, coordinate, coordinated
from central.outbox import put
from central.publishing import REPEAT_S, Outbox
from central.queries import alarms
from central.settings import Person, add_person, load
from central.store import Store, second_writer
from model.bodies import AlarmBody, RescueOrder
from model.errors import DoorpostError, SettingsError
from model.pin import hashed
from model.pin import matches as pin_matches
from model.record import Stream
from support.source import T0, Source, new_id
from sync.contract.messages import CommandResult, SignedCommand, decode, encode
from sync.contract.signing import fingerprint, opened, private_key
from sync.contract.topics import up_result


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def run(*args: str, pin: str | None = None) -> Result:
    return CliRunner().invoke(tree("en"), [*args, *(["--pin-file", "-"] if pin else [])], input=pin)


def test_settings_file_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    """A person is appended; comments stay, the file is private, and a name is taken once."""
    path = tmp_path / "central.toml"
    path.write_text("# our broker\n[sync]\nbroker = 'mqtts://b'\nca = 'ca.pem'\n")
    add_person(path, Person(name='Li "Na" 李娜', pin=hashed("2468")))
    assert path.read_text().startswith("# our broker\n")
    assert path.stat().st_mode & 0o777 == 0o600
    settings = load(path, required=True)
    assert (settings.sync.ca, settings.person[0].name) == (tmp_path / "ca.pem", 'Li "Na" 李娜')
    with pytest.raises(DoorpostError, match="person_known"):
        add_person(path, Person(name='Li "Na" 李娜', pin=hashed("2468")))


@pytest.mark.parametrize(
    "text", ["x", "[sync]\nbrocker = 'x'\n[web]\n", "[[person]]\nname = 'x'\npin = '1234'", "\xff"]
)
def test_wrong_settings_exit_78(tmp_path: Path, text: str) -> None:
    """Unknown keys, wrong types, a PIN in clear, no TOML: nothing starts."""
    (tmp_path / "central.toml").write_bytes(text.encode("latin-1"))
    result = run("run", "--data", str(tmp_path), "--broker", "mqtt://127.0.0.1:1", "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (78, "central_settings")
    assert "pin = '1234'" not in result.stdout


def test_broker_must_be_named(tmp_path: Path) -> None:
    """No address, or one that is none: exit 78, with the way out."""
    nameless = run("run", "--data", str(tmp_path))
    assert (nameless.exit_code, "--broker" in nameless.stderr) == (78, True)
    assert run("run", "--data", str(tmp_path), "--broker", "http://x").exit_code == 78


def test_database_that_is_none_is_said(tmp_path: Path) -> None:
    """Exit 1 with words; the file is left as it is."""
    (tmp_path / "central.db").write_bytes(b"rubbish" * 1000)
    result = run("run", "--data", str(tmp_path), "--broker", "mqtt://127.0.0.1:1", "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "central_store")
    assert (tmp_path / "central.db").read_bytes() == b"rubbish" * 1000


def refused(data: Path, known: list[Person], name: str, pin: str, place: str = persons.HERE) -> str | None:
    try:
        persons.authenticate(data, known, name, pin, place)
    except DoorpostError as err:
        return err.code
    return None


def test_nobody_is_locked_out_from_afar(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong PINs lock the place that they come from; from many places, all but those where the person is known, for a while."""
    monkeypatch.setattr(persons, "matches", lambda _, pin: pin == "2468")
    known = [Person(name="Li Na", pin=hashed("2468"))]

    def refusal(place: str, pin: str = "2468") -> str | None:
        return refused(tmp_path, known, "Li Na", pin, place)

    def guess(*places: str) -> list[str | None]:
        return [refusal(place, "x") for place in places]

    assert refusal("office") is None
    assert guess(*["evil"] * 4) == ["person_refused"] * 3 + ["person_locked"]
    assert [refusal(place) for place in ("evil", "office", "home", persons.HERE)] == ["person_locked", None, None, None]
    assert guess(*(f"evil {n}" for n in range(10))) == ["person_refused"] * 9 + ["person_locked"]
    for _ in range(2):
        assert [refusal(place) for place in ("office", "home", persons.HERE)] == [None] * 3
        assert refusal("evil 99") == "person_locked", "somebody who is known at home does not open it for those"
    assert guess(*["office"] * 4) == ["person_refused"] * 3 + ["person_locked"]
    store.db.execute("UPDATE right_pin SET at = at - ?", (persons.KEPT_S * 1_000_000,))
    assert refusal("home") == "person_locked"
    store.db.execute("UPDATE wrong_pin SET locked_until = locked_until - 3600000000")
    assert [refusal("home"), *guess("evil 99")] == [None, "person_refused"]
    assert store.rows("SELECT count FROM wrong_pin WHERE place = ''") == [(1,)]


def test_pin_is_hashed_and_counted(store: Store, tmp_path: Path) -> None:
    """Right after two wrong ones passes and forgets them; three wrong ones lock, also for the right one."""
    known = [Person(name="Li Na", pin=hashed("2468"))]

    def refusal(pin: str) -> str | None:
        return refused(tmp_path, known, "Li Na", pin)

    assert [refusal(pin) for pin in ("1", "2", "2468", "1", "2")] == ["person_refused"] * 2 + [None] + [
        "person_refused"
    ] * 2
    assert [refusal(pin) for pin in ("3", "2468", "2468")] == ["person_refused", "person_locked", "person_locked"]
    store.db.execute("UPDATE wrong_pin SET locked_until = locked_until - 3600000000")
    assert refusal("2468") is None


def test_guesses_at_once_are_counted_one_by_one(store: Store, tmp_path: Path) -> None:
    """None is looked at beyond the free ones, not even the right one."""
    known = [Person(name="Li Na", pin=hashed("2468"))]
    with ThreadPoolExecutor(9) as threads:
        found = list(threads.map(lambda n: refused(tmp_path, known, "Li Na", f"000{n}"), range(9)))
    assert sorted(map(str, found)) == ["person_locked"] * 6 + ["person_refused"] * 3
    assert refused(tmp_path, known, "Li Na", "2468") == "person_locked"


@pytest.mark.parametrize("name", ["Li Na", "Nobody"])
def test_a_pin_is_worked_out_while_others_write(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """That takes long, and an alarm must not wait; of a name that nobody has just as long."""
    known = [Person(name="Li Na", pin=hashed("2468"))]
    took = []

    def matches(stored: str, pin: str) -> bool:
        with store.transaction():
            took.append(stored.split("$")[:4])
        return pin_matches(stored, pin)

    monkeypatch.setattr(persons, "matches", matches)
    assert refused(tmp_path, known, name, "1111") == "person_refused"
    assert took == [known[0].pin.split("$")[:4]]


def test_names_that_nobody_has_are_guessed_slowly_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that somebody has; but of strangers only so many are remembered, those that came last."""
    monkeypatch.setattr(persons, "STRANGERS_MAX", 3)
    monkeypatch.setattr(persons, "matches", lambda *_: False)
    known = [Person(name="Li Na", pin=hashed("2468"))]
    for name in ("Li Na", "Nobody"):
        assert [refused(tmp_path, known, name, "x") for _ in range(4)] == ["person_refused"] * 3 + ["person_locked"]
    store.db.execute("UPDATE wrong_pin SET locked_until = locked_until - 3600000000")
    for n in range(5):
        assert refused(tmp_path, known, f"{'x' * 99}" if n == 2 else f"stranger {n}", "x") == "person_refused"
    found = {name for (name,) in store.rows("SELECT person FROM wrong_pin")}
    assert found == {"Li Na", "x" * 64, "stranger 3", "stranger 4"}


def test_person_add(tmp_path: Path) -> None:
    """By the command line; a PIN that is too short or not given, or a name that cannot be shown, is refused."""
    data = str(tmp_path)
    assert run("person", "add", "Li Na", "--data", data, pin="2468\n").exit_code == 0
    for result in (
        run("person", "add", "Li Na", "--data", data, pin="2468"),
        run("person", "add", "Wang", "--data", data, pin="12"),
        run("person", "add", "Wang", "--data", data),
        run("person", "add", "a\x7fb", "--data", data, pin="2468"),
    ):
        assert (result.exit_code, bool(result.stderr)) == (1, True)
    assert [p.name for p in load(tmp_path / "central.toml", required=True).person] == ["Li Na"]


def test_second_server_is_kept_out(tmp_path: Path) -> None:
    """Two on one directory would take the session from each other for ever."""
    with alone(tmp_path, "central"):
        with pytest.raises(SettingsError, match="data_in_use"), alone(tmp_path, "central"):
            pass
        with alone(tmp_path, "worker-1"), alone(tmp_path, "worker-2"):
            pass


def test_workers_wait_for_the_server(tmp_path: Path) -> None:
    """It knows whether the database may acknowledge; when its process is gone, nobody says so any more."""
    assert not coordinated(tmp_path)
    with coordinate(tmp_path):
        assert coordinated(tmp_path)
    assert not coordinated(tmp_path)


def test_outbox_repeats_until_the_result(store: Store, tmp_path: Path) -> None:
    """At once, at a birth, after 30 s, after `accepted`; not between, not after the last word, not to another gateway."""
    clock = 1000.0
    key = private_key(tmp_path / "central.key")
    outbox = Outbox(store, key, lambda: clock)
    id_ = acknowledge(second_writer(tmp_path), "gw-1", new_id(), "Li Na")
    ((topic, payload),) = outbox.due()
    command = opened(decode(payload, SignedCommand), {fingerprint(key.public_key()): key.public_key()})
    assert (topic, command.id) == ("v1/gw/gw-1/down/cmd", id_)
    assert (outbox.due(), outbox.due({"gw-2"}), len(outbox.due({"gw-1"}))) == ([], [], 1)
    clock += REPEAT_S
    assert (len(outbox.due()), outbox.due()) == (1, [])
    assert len(Outbox(store, key).due()) == 1, "a restarted centre begins anew"

    def result(word: str, gw: str = "gw-1") -> None:
        message = CommandResult(v=1, id=id_, result=word, sent=T0)  # type: ignore[arg-type]
        Ingest(store).take([(up_result(gw), encode(message))])

    result("done", gw="gw-2")
    result("accepted")
    assert len(outbox.due({"gw-1"})) == 1
    result("done")
    result("failed")
    assert outbox.due({"gw-1"}) == []
    assert store.db.execute("SELECT result FROM command").get == "done"
    assert store.db.execute("SELECT gw, count FROM problem").fetchall() == [("gw-1", 1), ("gw-2", 1)]


def test_what_follows_waits_for_the_result_of_what_is_before(store: Store, tmp_path: Path) -> None:
    """An answer may be lost at the broker, and the dispatch behind it would come first; other alarms and gateways wait for nothing."""
    one, other = new_id(), new_id()
    with store.transaction():
        ack, dispatch = (put(store.db, "gw-1", what, RescueOrder(alarm=one), "Li Na") for what in ("ack", "dispatch"))
        others = [put(store.db, gw, "ack", RescueOrder(alarm=a), "Li Na") for gw, a in (("gw-1", other), ("gw-2", one))]
    key = private_key(tmp_path / "central.key")

    def due(outbox: Outbox) -> list[str]:
        keys = {fingerprint(key.public_key()): key.public_key()}
        return [opened(decode(payload, SignedCommand), keys).id for _, payload in outbox.due({"gw-1", "gw-2"})]

    outbox = Outbox(store, key)
    assert due(outbox) == due(outbox) == [ack, *others]
    result = CommandResult(v=1, id=ack, result="refused", why="acked_by Chen", sent=T0)
    Ingest(store).take([(up_result("gw-1"), encode(result))])
    assert due(outbox) == due(Outbox(store, key)) == [dispatch, *others]


def raised(ingest: Ingest) -> str:
    """An alarm of gw-1 that the desk knows; its id."""
    body = AlarmBody(alarm=new_id(), rule="r", what="lift_alarm", device="d", point="p", profile="x@1")
    source = Source(Stream.ALARM)
    source.write(("alarm.raised/1", msgspec.json.encode(body)))
    ingest.take([source.batch()])
    return body.alarm


def test_an_alarm_that_its_gateway_does_not_know_ends_with_the_answer(store: Store, tmp_path: Path) -> None:
    """As after a restored backup: who has answered it at the desk is the last who can. Any other refusal ends nothing."""
    ingest = Ingest(store)
    alarm = raised(ingest)
    first, second = (acknowledge(second_writer(tmp_path), "gw-1", alarm, "Li Na") for _ in range(2))
    states = []
    for command, why in ((first, "acked_by Wang Wei"), (second, "alarm_not_open")):
        message = CommandResult(v=1, id=command, result="refused", why=why, sent=T0)
        ingest.take([(up_result("gw-1"), encode(message))])
        (told,) = alarms(store.db)
        states.append((told["state"], told["acked_by"]))
    assert states == [("raised", None), ("ended", "Li Na")]


def test_an_alarm_that_was_answered_before_is_not_ended_by_the_next_answer(store: Store, tmp_path: Path) -> None:
    """It is over at its gateway, and the word of that is still on its way."""
    ingest = Ingest(store)
    alarm = raised(ingest)
    first, second = (acknowledge(second_writer(tmp_path), "gw-1", alarm, who) for who in ("Wang Wei", "Li Na"))
    done = CommandResult(v=1, id=first, result="done", sent=T0)
    refused = CommandResult(v=1, id=second, result="refused", why="alarm_not_open", sent=T0)
    ingest.take([(up_result("gw-1"), encode(message)) for message in (done, refused)])
    (told,) = alarms(store.db)
    assert (told["state"], told["acked_by"]) == ("raised", None)


def test_outbox_gives_up_at_the_expiry(store: Store, tmp_path: Path) -> None:
    """The result is then `expired`."""
    acknowledge(store.db, "gw-1", new_id(), "Li Na")
    store.db.execute("UPDATE command SET expires = 1")
    assert Outbox(store, private_key(tmp_path / "central.key")).due() == []
    assert store.db.execute("SELECT result FROM command").get == "expired"


async def test_inbox_takes_alarms_first_and_bounds_the_rest() -> None:
    """What has no room is counted; alarms, births and results always have it, in a transaction before the others."""
    inbox = Inbox()
    block = bytes(200_000)
    fitting = INBOX_MAX_BYTES // len(block) + 1
    for _ in range(fitting + 3):
        inbox.put("v1/gw/gw-1/up/reading", block)
    inbox.put("v1/gw/gw-1/up/alarm", b"a")
    inbox.put("v1/gw/gw-1/up/status", b"s")
    assert (inbox.dropped(), inbox.dropped()) == (3, 0)
    assert [payload for _, payload in inbox.group(0)] == [b"a", b"s"]
    taken = 0
    while taken < fitting:
        await inbox.some()
        taken += len(list(inbox.group(60)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(inbox.some(), 0)
    assert (len(inbox), inbox.bytes) == (0, 0)
