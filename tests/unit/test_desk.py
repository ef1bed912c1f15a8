"""The rescue desk by itself: sessions, hosts and origins, forms, the view, what it watches."""

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import central.desk
from central import queries
from central.desk import orders
from central.desk.access import IDLE_S, People, Sessions, names_us, place, same_origin
from central.desk.listen import Tls, bound, serve
from central.desk.pages import Pages
from central.desk.view import desk, level
from central.desk.watch import Seen, Watch
from central.locks import alone
from central.persons import HERE
from central.settings import Person, Targets, add_person
from central.standing import Standing, connected, cut_off, standing
from central.store import Store, now, reader
from model.errors import DoorpostError, SettingsError
from model.pin import hashed
from support.catalogue import catalogue
from support.lift_calls import MINUTE, Lifts


@pytest.fixture
def lifts(tmp_path: Path) -> Iterator[Lifts]:
    lifts = Lifts(tmp_path)
    yield lifts
    lifts.close()


def seen(data: Path) -> Seen:
    return Seen(now(), queries.incidents(reader(data), 300))


def test_a_session_ends_when_nobody_looks_any_more() -> None:
    """An open screen is seen again and again and stays; an order needs the PIN again when none was given for as long."""
    clock = [0.0]
    sessions = Sessions({"Li Na": "hash"}.get, lambda: clock[0])
    token = sessions.begin("Li Na")
    session = sessions.find(token)
    assert session and session.person == "Li Na"
    assert sessions.may_order(session, session.form)
    assert not sessions.may_order(session, "another form")
    assert not sessions.may_order(session, "ä")
    for _ in range(3):
        clock[0] += IDLE_S - 1
        assert sessions.find(token) is session
    assert not sessions.may_order(session, session.form)
    clock[0] += IDLE_S
    assert sessions.find(token) is None
    assert sessions.find("guessed") is sessions.find(None) is None
    sessions.begin("Li Na")
    assert len(sessions._sessions) == 1


def test_logging_out_ends_a_session() -> None:
    sessions = Sessions({"Li Na": "hash"}.get)
    token = sessions.begin("Li Na")
    sessions.end(token)
    sessions.end(token)
    assert sessions.find(token) is None


def test_a_session_ends_with_the_person_or_the_pin(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As the settings file has them at each look. A slip in it ends nothing, and is told once; nor does it where the file is
    away, or empty: it is being written.
    """
    path = tmp_path / "central.toml"

    def write(*persons: Person) -> None:
        path.unlink(missing_ok=True)
        for person in persons:
            add_person(path, person)

    before, after = (Person(name="Li Na", pin=hashed(pin)) for pin in ("2468", "8642"))
    other = Person(name="Wang", pin=before.pin)
    write(before, other)
    sessions = Sessions(People(path).pin)
    token, others = sessions.begin("Li Na"), sessions.begin("Wang")
    path.write_text("[[person")
    assert sessions.find(token) and sessions.find(others)
    assert len(caplog.records) == 1
    write(after, other)
    assert not sessions.find(token) and sessions.find(others)
    write(before)
    assert not sessions.find(others)
    token = sessions.begin("Li Na")
    path.rename(tmp_path / "aside")
    assert sessions.find(token)
    path.touch()
    assert sessions.find(token)
    path.write_text("# nobody\n")
    assert not sessions.find(token)
    (tmp_path / "aside").replace(path)
    assert sessions.find(token)


def test_wrong_pins_count_where_they_come_from() -> None:
    assert [place(host) for host in ("127.0.0.1", "127.8.0.1", "::1")] == [HERE] * 3
    assert place("192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8322", True),
        ("192.168.1.7", True),
        ("[::1]:8322", True),
        ("localhost:8322", True),
        ("desk.example:8322", True),
        (socket.gethostname(), True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_which_hosts_are_ours(host: str, ours: bool) -> None:
    """An address cannot be made to point elsewhere; of names only the machine's own and the one listened on count."""
    assert names_us(host, "desk.example:8322") is ours


def test_forms_of_other_pages_are_told_by_their_origin() -> None:
    assert same_origin("https://desk.example:8322", "https", "desk.example:8322")
    assert same_origin(None, "https", "desk.example")
    for origin in (
        "https://evil.example",
        "null",
        "",
        "https://[",
        "https://desk.example:1",
        "http://desk.example:8322",
    ):
        assert not same_origin(origin, "https", "desk.example:8322"), origin
    assert not same_origin("http://", "http", "")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"step": "reboot"}, "desk_order"),
        ({}, "desk_order"),
        ({"step": "dispatch", "team": " ", "tier": "1"}, "desk_field_missing"),
        ({"step": "dispatch", "team": "x" * 65}, "order_unfit"),
        ({"step": "dispatch", "team": "A", "tier": "12"}, "order_unfit"),
        ({"step": "release", "injured": "0"}, "desk_field_missing"),
        ({"step": "release", "persons": "two"}, "order_unfit"),
        ({"step": "release", "persons": "-1"}, "order_unfit"),
        ({"step": "release", "persons": "1", "injured": "2"}, "injured_more_than_persons"),
        ({"step": "dispatch", "team": "A", "tier": "4"}, "order_unfit"),
        ({"step": "close", "sure": "yes"}, "desk_field_missing"),
        ({"step": "close", "sure": "yes", "reason": "x", "fault": "foo"}, "fault_unknown"),
        ({"step": "close", "reason": "false alarm"}, "desk_not_sure"),
    ],
)
def test_orders_that_are_none(form: dict[str, str], code: str) -> None:
    with pytest.raises(DoorpostError) as failed:
        orders.parse(form)
    assert failed.value.code == code


def test_an_order_has_what_its_form_says() -> None:
    order = orders.parse({"step": "release", "incident": "a", "persons": "2", "injured": "0", "team": "not asked"})
    assert (order.incident, order.step) == ("a", "release")
    assert (order.details.persons, order.details.injured, order.details.team) == (2, 0, None)


def test_the_oldest_without_an_answer_is_on_top(lifts: Lifts, tmp_path: Path) -> None:
    """Then those that are answered; one that two gateways tell of is there once; what ended today is below."""
    one, two = lifts.gateway("gw-1"), lifts.gateway("gw-2")
    for gateway, lift in ((one, "L1"), (two, "lift-1")):
        gateway.file(lift, rescue="310221", registration="R1")
    answered = one.call("L2", age_us=30 * MINUTE)
    answered.step("acked", "acked", by="Li Na", age_us=29 * MINUTE)
    one.call("L3", age_us=2 * MINUTE)
    one.call("L1", age_us=5 * MINUTE)
    two.call("lift-1", age_us=4 * MINUTE)
    over = two.call("L4", age_us=3)
    over.step("acked", "acked", by="Li Na", age_us=2)
    over.step("ended", "closed", by="Zhang", age_us=1, via="key")
    view = desk(seen(tmp_path), Targets())
    assert [card.facts["lift"] for card in view.open] == ["L1", "L3", "L2"]
    assert view.open[0].facts["gws"] == ["gw-1", "gw-2"]
    assert view.unanswered == 2
    assert [card.facts["lift"] for card in view.closed] == ["L4"]
    assert [card.steps for card in view.open] == [("ack",), ("ack",), ("dispatch", "arrive", "release", "close")]


def test_what_may_be_ordered_as_a_rescue_goes_on(lifts: Lifts, tmp_path: Path) -> None:
    call = lifts.gateway("gw-1").call("L1", age_us=MINUTE)
    found = []
    for kind, state in (
        ("acked", "acked"),
        ("dispatched", "dispatched"),
        ("arrived", "on_site"),
        ("released", "released"),
    ):
        call.step(kind, state, by="Li Na")
        (card,) = desk(seen(tmp_path), Targets()).open
        found.append(card.steps)
    assert found == [
        ("dispatch", "arrive", "release", "close"),
        ("dispatch", "arrive", "release", "close"),
        ("dispatch", "release", "close"),
        ("close",),
    ]


@pytest.mark.parametrize(("age_s", "colour"), [(20, "ok"), (22, "warn"), (29, "warn"), (31, "bad")])
def test_a_clock_turns_amber_and_red(lifts: Lifts, tmp_path: Path, age_s: int, colour: str) -> None:
    """Amber from 70 % of the target on, red over it; it keeps that when it stops."""
    call = lifts.gateway("gw-1").call("L1", age_us=10 * MINUTE)
    call.step("acked", "acked", by="Li Na", age_us=10 * MINUTE - age_s * 1_000_000)
    (card,) = desk(seen(tmp_path), Targets(ack_s=30, dispatch_s=60)).open
    ack, dispatch, arrive = card.clocks
    assert [level(clock) for clock in (ack, dispatch, arrive)] == [colour, "bad", "ok"]


async def test_lifts_whose_tests_failed_or_are_overdue(lifts: Lifts, tmp_path: Path) -> None:
    gateway = lifts.gateway("gw-1")
    day = 24 * 60 * MINUTE
    for lift, phase, age_us in (("L1", "passed", MINUTE), ("L2", "failed", MINUTE), ("L3", "passed", 4 * day)):
        gateway.test(lift, phase, age_us)
    watch = Watch(tmp_path, Targets())
    watching = asyncio.create_task(watch.run())
    view = desk(await watch.after(watch.seen), Targets())
    watching.cancel()
    assert {one["lift"]: one["test"] for one in view.lifts} == {"L2": "failed", "L3": "overdue"}
    assert view.open == []


async def test_of_what_is_over_only_today_is_read(lifts: Lifts, tmp_path: Path) -> None:
    """By its end, whenever it began."""
    gateway = lifts.gateway("gw-1")
    day = 24 * 60 * MINUTE
    for lift, began, ended in (("L1", 3 * day, 2 * day), ("L2", 3 * day, 0), ("L3", 3 * day, None)):
        call = gateway.call(lift, age_us=began)
        if ended is not None:
            call.step("ended", "closed", age_us=ended, via="key")
    watch = Watch(tmp_path, Targets())
    watching = asyncio.create_task(watch.run())
    found = await watch.after(watch.seen)
    watching.cancel()
    assert {one["lift"] for one in found.incidents} == {"L2", "L3"}


async def test_orders_at_once_queue_for_their_turn(lifts: Lifts, tmp_path: Path) -> None:
    """SQLite would refuse all but one of them, after ten seconds in which no other thread runs."""
    call = lifts.gateway("gw-1").call("L1")
    order = orders.parse({"step": "ack", "incident": call.id})
    names = ("Li Na", "Wang", "Zhang")
    given = await asyncio.gather(*(asyncio.to_thread(orders.give, tmp_path, order, name) for name in names))
    assert sorted(one.done for one in given) == [False, False, True]
    (first,) = (one for one in given if one.done)
    assert {(one.by, one.at) for one in given} == {(first.by, first.at)}


async def test_the_watch_sees_what_another_process_commits(lifts: Lifts, tmp_path: Path) -> None:
    """And tells a database that cannot be read, instead of ending."""
    gateway = lifts.gateway("gw-1")
    watch = Watch(tmp_path, Targets())
    watching = asyncio.create_task(watch.run())
    first = await watch.after(watch.seen)
    assert (first.incidents, first.problem) == ([], "")
    await asyncio.to_thread(gateway.call, "L1")
    found = await watch.after(first)
    while not found.incidents:
        found = await watch.after(found)
    assert found.incidents[0]["lift"] == "L1"
    assert found.gateways["gw-1"].state == "online"
    watching.cancel()
    broken = Watch(tmp_path / "nothing", Targets())
    watching = asyncio.create_task(broken.run())
    assert (await broken.after(broken.seen)).problem
    watching.cancel()


def test_how_the_centre_stands_is_asked_without_touching_its_lock(tmp_path: Path) -> None:
    """Whatever it has written down, without its process it is away."""
    store = Store(tmp_path)

    def found() -> Standing:
        return standing(reader(tmp_path), tmp_path)

    assert found().state == "away"
    with alone(tmp_path, "central"):
        assert found() == Standing("connected")
        cut_off(store)
        first = found()
        assert (first.state, found()) == ("cut_off", first)
        cut_off(store)
        assert found() == first, "since the first time"
        connected(store)
        assert found() == Standing("connected")
    assert found().state == "away"
    store.close()


@pytest.mark.parametrize(
    ("centre", "said"),
    [
        (Standing("connected"), None),
        (Standing("away"), "not running"),
        (Standing("cut_off", 1), "cut off from its broker"),
    ],
)
def test_a_centre_that_hears_of_no_call_is_told_in_big_words(centre: Standing, said: str | None) -> None:
    trouble = Pages("en", Targets()).blocks(Seen(now(), centre=centre), {})["trouble"]
    assert "huge" in trouble and said in trouble if said else not trouble.strip()


def test_a_refusal_is_told_in_words(lifts: Lifts, tmp_path: Path) -> None:
    """As far as it is one of the reasons that gateways give."""
    call = lifts.gateway("gw-1").call("L1")
    orders.give(tmp_path, orders.parse({"step": "ack", "incident": call.id}), "Li Na")
    facts = seen(tmp_path)
    for why, said in (("not_now sent", "not possible now"), ("<board broken>", "&lt;board broken&gt;"), (None, "–")):
        (order,) = facts.incidents[0]["orders"]
        order |= {"result": "refused", "why": why}
        (page,) = Pages("en", Targets()).blocks(facts, {})["facts"].values()
        assert said in page
        assert "not_now" not in page


async def test_addresses_and_certificates_that_cannot_be(tmp_path: Path) -> None:
    for listen in ("nonsense", "127.0.0.1:x", "127.0.0.1:99999", "192.0.2.1:0"):
        with pytest.raises(SettingsError) as failed:
            bound(listen)
        assert failed.value.code == "desk_listen"
    Lifts(tmp_path).close()
    (tmp_path / "wrong.pem").write_text("no certificate")
    with pytest.raises(SettingsError) as failed:
        wrong = Tls(tmp_path / "wrong.pem", tmp_path / "wrong.pem")
        await serve(tmp_path, "127.0.0.1:0", "en", wrong, lambda host, url: None)
    assert failed.value.code == "desk_tls"
    with pytest.raises(DoorpostError) as absent:
        await serve(tmp_path / "nothing", "127.0.0.1:0", "en", None, lambda host, url: None)
    assert absent.value.code == "central_absent"


def test_the_desk_is_no_part_of_the_centre_that_runs() -> None:
    """`central run` loads no web server."""
    import subprocess
    import sys

    program = (
        "import sys; import central.server, central.worker, central.cli; central.cli.tree('en'); print(*sys.modules)"
    )
    loaded: Any = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"starlette", "uvicorn", "jinja2", "central.desk.app"} & set(loaded)


def test_the_templates_and_the_texts_match() -> None:
    """Each text of the desk is used, by its whole key or by the first part where a template puts the key together."""
    folder = Path(central.desk.__file__).parent
    sources = "".join(path.read_text(encoding="utf-8") for path in [*folder.glob("templates/*"), *folder.glob("*.py")])
    asked = set(re.findall(r"\bt\([\"']([\w.]+)[\"']", sources)) | set(re.findall(r'"desk\.(?!html)([\w.]+)', sources))
    known = {key for key, _ in entries(catalogue()["desk"])}
    assert {key for key in asked if key not in known and not any(k.startswith(key) for k in known)} == set()
    assert {
        key for key in known if not any(key == a or (a.endswith(".") and key.startswith(a)) for a in asked)
    } == set()


def entries(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in table.items():
        if "en" in inner:
            yield prefix + name, inner
        else:
            yield from entries(inner, f"{prefix}{name}.")
