"""Which answer still holds: not one that its gateway has forgotten, or does not take; and what is said then goes out."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from central import commands
from central.clocks import clocks
from central.desk.view import desk
from central.desk.watch import Seen
from central.publishing import TAKEN_S, Outbox
from central.settings import Targets
from central.store import now, second_writer
from model.bodies import TimeAnchor
from model.errors import DoorpostError
from support.centre_lifts import NEW_STORE, SECOND, LiftGateway
from support.centre_rescues import Centre, pair
from support.source import T0, birth
from sync.contract.messages import Command, SignedCommand, decode
from sync.contract.signing import private_key

A1, B1 = (f"{n}a3e0f52-1111-4222-8333-444455556666" for n in "12")
LATER = "7b6f4c1e-1111-4222-8333-444455556666"


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(tmp_path)
    with closing(centre.store):
        yield centre


def answered(centre: Centre, *gateways: LiftGateway) -> None:
    """A call, its answer and a dispatch, all of it recorded."""
    alarms = {"gw-1": A1, "gw-2": B1}
    centre.take(*(gateway.alarm("raised", 10, alarms[gateway.gw]) for gateway in gateways))
    for what, kind, s in (("ack", "acked", 20), ("dispatch", "dispatched", 30)):
        assert centre.order(what).done
        for gateway in gateways:
            centre.result(gateway.gw, f"alarm.{what}", "done")
            centre.take(gateway.alarm(kind, s, alarms[gateway.gw], by="Li Na"))


def restored(gateway: LiftGateway) -> LiftGateway:
    """From a backup of before the answer: another store, and another boot."""
    return LiftGateway(gateway.gw, boot=LATER, store=NEW_STORE)


def sounds(centre: Centre) -> bool:
    return desk(Seen(now(), centre.incidents), Targets()).unanswered > 0


def steps(centre: Centre) -> tuple[str, ...]:
    return desk(Seen(now(), centre.incidents), Targets()).open[0].steps


@pytest.mark.parametrize("kind", ["reemit", "escalated"])
def test_an_answer_that_its_gateway_has_forgotten_is_asked_for_again(centre: Centre, kind: str) -> None:
    """The desk rings, and may answer; the gateway is told all that it knew before. The first answer was in time, and stays so."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.file(rescue="330106"))
    answered(centre, lift)
    assert (sounds(centre), centre.only["unanswered"]) == (False, False)
    centre.take(restored(lift).alarm(kind, 40, A1, n=1))
    assert (sounds(centre), steps(centre), centre.only["unanswered"]) == (True, ("ack",), True)
    with pytest.raises(DoorpostError, match="incident_unanswered"):
        centre.order("dispatch", team="Otis")
    again = centre.order("ack", "Zhou")
    assert (again.done, sounds(centre)) == (True, False)
    assert centre.order("ack", "Chen").by == "Zhou", "of two desks one has answered"
    assert [(name, who) for name, who, _ in centre.sent("gw-1")[2:]] == [
        ("alarm.ack", "Zhou"),
        ("alarm.dispatch", "Li Na"),
    ]
    assert (centre.only["acked_by"], centre.only["acked"]) == ("Li Na", T0 + 20 * SECOND)
    assert not next(clock for clock in clocks(centre.only, Targets(), now()) if clock.step == "ack").running


def test_what_was_said_before_the_answer_and_comes_late_undoes_nothing(centre: Centre) -> None:
    """The order is the gateway's."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, A1))
    late = [lift.alarm(kind, 15, A1, n=1) for kind in ("reemit", "escalated")]
    centre.take(lift.alarm("acked", 20, A1, by="Chen", via="sms"))
    centre.take(*late)
    assert [line["kind"] for line in centre.only["timeline"]] == ["raised", "reemit", "escalated", "acked"]
    assert not centre.only["unanswered"]


@pytest.mark.parametrize("kind", ["reemit", "escalated"])
def test_what_was_said_before_the_answer_and_stored_behind_it_undoes_nothing(centre: Centre, kind: str) -> None:
    """Its commit had failed, and the answer's was quicker: the gateway says so, and its boot's counter says which was first."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, A1), lift.alarm("acked", 32, A1, by="Chen", via="sms"))
    centre.take(lift.alarm(kind, 31.6, A1, n=1, unjournalled=True))
    assert [line["kind"] for line in centre.only["timeline"]] == ["raised", kind, "acked"]
    assert (sounds(centre), centre.only["unanswered"]) == (False, False)
    centre.take(lift.alarm(kind, 40, A1, n=2, unjournalled=True))
    assert (sounds(centre), centre.only["unanswered"]) == (True, True), "this one was said behind the answer"


def test_an_answer_that_was_stored_behind_the_end_opens_nothing(centre: Centre) -> None:
    """And it was given when it was given."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, A1), lift.alarm("ended", 60, A1, by="Wang", via="pin"))
    centre.take(lift.alarm("acked", 20, A1, by="Chen", via="sms", unjournalled=True))
    one = centre.only
    assert (one["state"], one["open_gws"], one["acked_by"]) == ("closed", [], "Chen")
    assert (one["acked"], one["times"]["acked"]["doubtful"]) == (T0 + 20 * SECOND, False)
    centre.take(lift.alarm("repeated", 70, A1, n=1, unjournalled=True))
    assert centre.only["open_gws"] == ["gw-1"], "somebody has pressed again"


def test_a_gateway_that_has_forgotten_is_told_what_the_other_knows(centre: Centre) -> None:
    """Once: the answer holds at the lift's other gateway, and nobody has to give it again."""
    one, two = pair(centre)
    answered(centre, one, two)
    before = len(centre.sent("gw-1"))
    new = restored(one)
    centre.take(new.alarm("reemit", 40, A1, n=1), new.alarm("reemit", 70, A1, n=2))
    assert not centre.only["unanswered"]
    assert [name for name, *_ in centre.sent("gw-1")[before:]] == ["alarm.ack", "alarm.dispatch"]
    assert len(centre.sent("gw-2")) == 2


def pending(centre: Centre) -> LiftGateway:
    """A call that is answered, and its gateway has not heard of it."""
    lift = LiftGateway()
    centre.take(birth("gw-1", A1, {}), lift.anchored(), lift.alarm("raised", 10, A1))
    centre.take(lift.alarm("reemit", 15, A1, n=0))
    centre.order("ack")
    return lift


def test_an_answer_on_its_way_is_no_answer_where_the_call_goes_on(centre: Centre) -> None:
    """What rings next may have been on its way itself; what rings after that has not heard of it. Each answer is quiet anew."""
    lift = pending(centre)
    centre.take(lift.alarm("reemit", 40, A1, n=1))
    assert not sounds(centre)
    centre.take(lift.alarm("reemit", 70, A1, n=2))
    assert (sounds(centre), centre.only["ack_pending"]["person"]) == (True, "Li Na")
    assert steps(centre) == ("ack", "dispatch", "arrive", "release", "close")
    assert centre.order("dispatch", team="Otis").done
    assert centre.order("ack", "Zhou").done
    assert (sounds(centre), centre.only["ack_pending"]["person"]) == (False, "Zhou")


def names(outbox: Outbox) -> list[str]:
    return [decode(bytes(decode(payload, SignedCommand).cmd), Command).name for _, payload in outbox.due()]


@pytest.mark.parametrize("there", [True, False])
def test_an_order_that_its_gateway_does_not_take_holds_up_nothing(centre: Centre, there: bool) -> None:
    """It gives no result, as for what it cannot verify: the desk rings, and what was ordered next goes out. Not so while the
    gateway is away.
    """
    lift = pending(centre)
    centre.order("dispatch", team="Otis")
    clock = 1000.0
    outbox = Outbox(centre.store, private_key(centre.data / "central.key"), lambda: clock)
    assert (names(outbox), names(outbox)) == (["alarm.ack"], [])
    clock += TAKEN_S
    if not there:
        centre.store.db.execute("UPDATE gateway SET heard = 0")
    found = names(outbox) + names(outbox)
    assert (found, sounds(centre)) == (["alarm.ack", "alarm.dispatch"] if there else ["alarm.ack"], there)
    centre.result("gw-1", "alarm.ack", "done")
    centre.take(lift.alarm("acked", 25, A1, by="Li Na"))
    assert not sounds(centre)
    assert [order["why"] for order in centre.only["orders"]] == [None, None]


def test_an_order_is_not_untaken_for_the_time_without_a_broker(centre: Centre) -> None:
    """It goes out once more, and its gateway has its minute from then on; what was ordered next waits for it."""
    pending(centre)
    centre.order("dispatch", team="Otis")
    clock = 1000.0
    outbox = Outbox(centre.store, private_key(centre.data / "central.key"), lambda: clock)
    assert names(outbox) == ["alarm.ack"]
    clock += 10 * TAKEN_S
    outbox.forget()
    assert (names(outbox), names(outbox), sounds(centre)) == (["alarm.ack"], [], False)
    clock += TAKEN_S
    assert (names(outbox), sounds(centre)) == (["alarm.ack", "alarm.dispatch"], True)


@pytest.mark.parametrize("expires", [False, True])
def test_a_result_that_another_process_stores_meanwhile_stays(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, *, expires: bool
) -> None:
    """A worker takes it while the server still looks at what was open: the order is neither untaken nor expired."""
    pending(centre)
    clock = 1000.0
    outbox = Outbox(centre.store, private_key(centre.data / "central.key"), lambda: clock)
    assert names(outbox) == ["alarm.ack"]
    clock += TAKEN_S
    worker, rows = Centre(centre.data), centre.store.rows

    def overtaken(sql: str, *args: object) -> list[Any]:
        found = rows(sql, *args)
        worker.result("gw-1", "alarm.ack", "refused", "acked_by Wang")
        return found

    if expires:
        centre.store.db.execute("UPDATE command SET expires = 1")
    monkeypatch.setattr(centre.store, "rows", overtaken)
    outbox.due()
    assert rows("SELECT result, why FROM command") == [("refused", "acked_by Wang")]
    worker.store.close()
    assert not sounds(centre)


@pytest.mark.parametrize("what", ["close", "dispatch"])
def test_a_close_that_was_obeyed_and_left_no_record_is_not_the_last_word(centre: Centre, what: Any) -> None:
    """Its record was lost with the disk: it may be said again, and whatever the gateway then knows nothing of is over."""
    lift = LiftGateway()
    centre.take(lift.anchored())
    answered(centre, lift)
    assert centre.order("close", reason="all out").done
    assert not centre.order("close", "Zhou", reason="all out").done
    centre.result("gw-1", "alarm.close", "done")
    assert (centre.only["closing"], "close" in steps(centre)) == (None, True)
    assert centre.order(what, reason="again", team="Otis").done
    centre.result("gw-1", f"alarm.{what}", "refused", "alarm_not_open")
    assert (centre.only["state"], centre.only["open_gws"]) == ("closed", [])


def test_a_refusal_after_an_answer_waits_for_the_word_of_the_end(centre: Centre) -> None:
    """Nobody has closed it from here: it has ended on site, and that is on its way."""
    lift = LiftGateway()
    centre.take(lift.anchored())
    answered(centre, lift)
    with closing(second_writer(centre.data)) as db:
        assert commands.order(db, A1, "arrive", "Li Na").done
    centre.result("gw-1", "alarm.arrive", "refused", "alarm_not_open")
    assert centre.only["ended"] is None


@pytest.mark.parametrize("kind", ["repeated", "reemit", "escalated", "arrived"])
def test_an_end_that_its_gateway_has_forgotten_is_none(centre: Centre, kind: str) -> None:
    """Somebody may have pressed again: it rings at the desk, is answered, and ends as any other, or by who closes it there."""
    one = LiftGateway()
    centre.take(one.anchored(), one.file(rescue="330106"))
    answered(centre, one)
    centre.take(one.alarm("ended", 60, A1, by="Wang", via="key"))
    assert centre.only["state"] == "closed"
    again = restored(one)
    centre.take(
        again.say("time.anchor/1", TimeAnchor(boot=LATER, mono=0, utc=T0 + 100 * SECOND, source="ntp", err_ms=5), 0)
    )
    centre.take(again.alarm(kind, 10, A1, n=1, by="Wang" if kind == "arrived" else None))
    assert (centre.only["ended"], centre.only["open_gws"], sounds(centre)) == (None, ["gw-1"], True)
    assert [name for name, *_ in centre.sent("gw-1")] == ["alarm.ack", "alarm.dispatch"], "nobody has ended this one"
    assert centre.order("ack", "Zhou").done
    if kind == "repeated":
        centre.result("gw-1", "alarm.ack", "done")
        centre.take(again.alarm("acked", 20, A1, by="Zhou"), again.alarm("ended", 90, A1, by="Wang", via="key"))
        assert (centre.only["ended_via"], centre.only["ended"]) == ("key", T0 + 190 * SECOND)
    else:
        centre.result("gw-1", "alarm.ack", "done")
        assert centre.order("close", "Zhou", reason="its gateway is gone").done
        centre.result("gw-1", "alarm.close", "refused", "alarm_not_open")
        assert centre.only["open_gws"] == []
    assert not sounds(centre)


def test_what_came_late_from_before_the_end_reopens_nothing(centre: Centre) -> None:
    """An urgent message that was long on its way, or a batch of an earlier store."""
    one = LiftGateway()
    centre.take(one.anchored(), one.file(rescue="330106"), one.alarm("raised", 10, A1))
    one.alarm("escalated", 20, A1, n=1, tier=1)
    late = [one.batches()[-1], one.urgent[-1]]
    centre.take(one.alarm("ended", 60, A1, by="Wang", via="key"))
    for message in late:
        centre.take(message)
        assert centre.only["state"] == "closed"


def test_the_second_team_has_its_own_time(centre: Centre) -> None:
    """The clock goes by the first."""
    one = LiftGateway()
    centre.take(one.anchored(), one.file(rescue="330106"), one.alarm("raised", 10, A1))
    for s, team in ((30, "Otis"), (90, "Station 4")):
        centre.take(one.alarm("dispatched", s, A1, by="Li Na", team=team))
    assert (centre.only["team"], centre.only["team_sent"]) == ("Station 4", T0 + 90 * SECOND)
    assert centre.only["dispatched"] == T0 + 30 * SECOND


def test_a_call_that_was_lost_behind_its_answer_is_closed_by_a_person_alone(centre: Centre) -> None:
    """Raised and answered on a disk that took nothing: after a power cut its gateway knows nothing of it, and nobody has ended it."""
    one = LiftGateway()
    centre.take(one.anchored(), one.file(rescue="330106"))
    one.alarm("raised", 10, A1)
    centre.take(one.urgent[-1])
    assert centre.order("ack").done
    one.alarm("acked", 20, A1, by="Li Na")
    centre.take(one.urgent[-1])
    centre.result("gw-1", "alarm.ack", "refused", "alarm_not_open")
    assert (centre.only["ended"], centre.only["open_gws"]) == (None, ["gw-1"])
    assert centre.order("close", reason="rescued").done
    centre.result("gw-1", "alarm.close", "refused", "alarm_not_open")
    assert centre.only["open_gws"] == []
