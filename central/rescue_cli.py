"""The commands of the rescue desk: what is open, and what a person says of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from central.show import Show, local_time, minutes, why
from model.errors import DoorpostError

if TYPE_CHECKING:
    import apsw

    from central.outbox import What
    from central.settings import Targets

OK, PROBLEM = 0, 1
ID_SHOWN = 8
"""Characters of an id that a person is shown: commands take a beginning."""


def pin(show: Show, file: Any, *, twice: bool = False) -> str:
    """From the file, else asked for. Raises DoorpostError where nobody is there to be asked."""
    if file is not None:
        return str(file.read()).strip()
    if not sys.stdin.isatty():
        raise DoorpostError("pin_missing")
    return str(click.prompt(show.words("central.pin"), hide_input=True, confirmation_prompt=twice, err=True))


def alarms(show: Show, *, data: Path) -> int:
    from central import queries
    from central.clocks import clocks
    from central.settings import load
    from central.standing import standing
    from central.store import now, reader

    db = reader(data)
    targets = load(data / "central.toml", required=False).rescue
    rescues, found = queries.incidents(db, targets.offline_s), queries.alarms(db)
    at = now()
    if show.as_json:
        for one in rescues:
            one["clocks"] = [{**clock._asdict(), "late": clock.late} for clock in clocks(one, targets, at)]
        show.document({"incidents": rescues, "alarms": found, "centre": standing(db, data)._asdict()})
        return OK
    _standing(show, db, data)
    if rescues:
        _rescues(show, rescues, targets, at)
    others = [one for one in found if one["incident"] is None]
    if others:
        _alarms(show, others)
    if not found:
        show.line("central.alarms.none")
    return OK


def _standing(show: Show, db: "apsw.Connection", data: Path) -> None:
    """Whether nothing new would be seen, however quiet it looks."""
    from central.standing import standing

    said = standing(db, data)
    if said.state != "connected":
        show.remark(f"central.standing.{said.state}", since=local_time(said.since))


def _rescues(show: Show, rescues: list[dict[str, Any]], targets: "Targets", at: int) -> None:
    show.table(
        ("since", "state", "alarm", "lift", "address", "clock", "team", "gateway", "acked_by", "id"),
        [
            (
                local_time(one["since"]),
                show.words(f"rescue_state.{one['state']}") + _unanswered(show, one),
                " ".join([show.words(f"alarm.{one['what']}"), *_marks(show, one)]),
                one["rescue"] or one["name"] or one["lift"],
                one["address"],
                _clock(show, one, targets, at),
                one["team"],
                " ".join(gw + (show.words("central.mark.absent") if gw in one["absent"] else "") for gw in one["gws"]),
                f"{_acked_by(show, one)}{show.words('central.mark.pending') if one['ack_pending'] else ''}",
                one["incident"][:ID_SHOWN],
            )
            for one in rescues
        ],
    )


def _acked_by(show: Show, one: dict[str, Any]) -> str:
    return one["acked_by"] or ("" if one["acked"] is None else show.words("central.mark.by_unsaid"))


def _unanswered(show: Show, one: dict[str, Any]) -> str:
    """Whatever else was recorded; a state that says so says it alone."""
    return show.words("central.mark.unanswered") if one["unanswered"] and one["state"] != "sent" else ""


def _marks(show: Show, one: dict[str, Any]) -> list[str]:
    marks = [name for name in ("suspected", "first_suspected", "maintenance") if one[name]]
    return [show.words(f"central.mark.{name}") for name in marks] + (
        [f"×{one['repeats'] + 1}"] if one["repeats"] else []
    )


def _clock(show: Show, one: dict[str, Any], targets: "Targets", at: int) -> str:
    """Those that run, and what was late before."""
    from central.clocks import clocks

    return " ".join(
        show.words(
            "central.clock.late" if clock.late else "central.clock.runs",
            step=show.words(f"central.step.{clock.step}"),
            time=minutes(clock.seconds),
            target=minutes(clock.target),
        )
        for clock in clocks(one, targets, at)
        if clock.running or clock.late
    )


def _alarms(show: Show, found: list[dict[str, Any]]) -> None:
    show.table(
        ("raised", "state", "alarm", "limit", "gateway", "device", "point", "acked_by", "reemits", "id"),
        [
            (
                show.when(one["raised"], one["raised_tq"], one["raised_utc"]),
                show.words(f"central.state.{one['state']}"),
                show.words(f"alarm.{one['what']}"),
                show.amount(one["limit"], one["unit"]),
                one["gw"],
                one["device"],
                one["point"],
                one["acked_by"],
                one["reemits"],
                one["alarm"][:ID_SHOWN],
            )
            for one in found
        ],
    )


def timeline(show: Show, *, data: Path, alarm: str) -> int:
    """Every transition, every order and every short message of one rescue, as they lie in time."""
    from central import incidents, queries
    from central.store import reader

    db = reader(data)
    _, id_, incident = queries.alarm(db, alarm, over=True)
    found = incidents.story(db, incident) if incident else None
    if found is None:
        raise DoorpostError("alarm_no_lift", alarm=id_[:ID_SHOWN])
    messages = queries.messages(db, found)
    if show.as_json:
        show.document({**found, "messages": messages})
        return OK
    rows = (
        [
            (
                line["at"],
                show.when(line["t"], line["tq"], line["utc"], doubtful=line["doubtful"]),
                line["gw"],
                show.words(f"central.kind.{line['kind']}"),
                show.words(f"rescue_state.{line['state']}"),
                line["by"],
                line["via"] and show.words(f"central.via.{line['via']}"),
                _more(show, line),
            )
            for line in found["timeline"]
        ]
        + [
            (
                line["made"],
                local_time(line["made"]),
                line["gw"],
                show.words(f"central.step.{line['what']}"),
                show.words(f"central.result.{line['result'] or 'sent'}"),
                line["person"],
                show.words("central.via.auto" if line["auto"] else "central.via.centre"),
                _more(show, line),
            )
            for line in found["orders"]
        ]
        + [
            (
                line["at"],
                show.when(line["t"], line["tq"], line["utc"]),
                line["gw"],
                show.words("central.via.sms"),
                show.words(f"central.sms.{'refused' if line['why'] else 'sent'}"),
                line["person"],
                line["device"],
                " ".join(filter(None, (line["number"], line["why"] and why(line["why"], show.lang)))),
            )
            for line in messages
        ]
    )
    show.table(
        ("at", "gateway", "step", "state", "person", "via", "details"),
        [row[1:] for row in sorted(rows, key=lambda r: r[0])],
    )
    return OK


def _more(show: Show, line: dict[str, Any]) -> str:
    names = ("suspected", "tier", "team", "persons", "injured", "stage", "fault")
    said = {name: line[name] for name in names if line.get(name) is not None}
    said |= {name: why(line[name], show.lang) for name in ("reason", "why") if line.get(name)}
    told = [f"{show.words(f'central.column.{name}')}={value}" for name, value in said.items()]
    return " ".join([*told, *([show.words("central.mark.dialler")] if line.get("dialler") else [])])


def lifts(show: Show, *, data: Path) -> int:
    from central import lift_states
    from central.settings import load
    from central.standing import standing
    from central.store import reader

    db = reader(data)
    found = lift_states.lifts(db, load(data / "central.toml", required=False).rescue)
    if show.as_json:
        show.document({"lifts": found, "centre": standing(db, data)._asdict()})
        return OK
    _standing(show, db, data)
    if not found:
        show.line("central.lifts.none")
        return OK
    show.table(
        ("lift", "name", "state", "call", "test", "passed", "inspection", "maintainer", "gateway"),
        [
            (
                one["rescue"] or one["lift"],
                one["name"],
                one["state"] and show.words(f"lift_file.{one['state']}"),
                one["incident"] and one["incident"][:ID_SHOWN],
                one["test"] and show.words(f"central.test.{one['test']}"),
                show.words("central.clock_unset", time=local_time(one["passed"]))
                if one["passed_unset"]
                else local_time(one["passed"]),
                f"{one['inspection_due']}{_overdue(show, one)}" if one["inspection_due"] else None,
                one["maintainer"],
                " ".join(_presence(show, gateway) for gateway in one["gws"]),
            )
            for one in found
        ],
    )
    return OK


def _overdue(show: Show, lift: dict[str, Any]) -> str:
    return show.words("central.mark.overdue") if lift["inspection"] == "overdue" else ""


def _presence(show: Show, gateway: dict[str, Any]) -> str:
    if gateway["presence"] in (None, "online"):
        return str(gateway["gw"])
    return show.words(f"central.presence.{gateway['presence']}", gw=gateway["gw"], heard=local_time(gateway["heard"]))


def order(what: "What") -> Callable[..., int]:
    """The command by which a person says this of an alarm."""

    def run(show: Show, *, data: Path, alarm: str, person: str, pin_file: Any, **details: Any) -> int:
        from central import commands, persons, queries
        from central.settings import load
        from central.store import reader, writing

        saying = commands.said(alarm, details)
        gw, id_, incident = queries.alarm(reader(data), alarm)
        known = load(data / "central.toml", required=False).person
        persons.authenticate(data, known, person, pin(show, pin_file))
        if incident is None:
            if what != "ack":
                raise DoorpostError("alarm_no_lift", alarm=id_[:ID_SHOWN])
            with writing(data) as db:
                command = commands.acknowledge(db, gw, id_, person)
            said: dict[str, Any] = {"command": command, "gw": gw, "alarm": id_, "person": person}
            show.document(said) if show.as_json else show.line("central.ack.sent", gw=gw, alarm=id_, person=person)
            return OK
        with writing(data) as db:
            done = commands.order(db, incident, what, person, saying)
        said = {"incident": incident, "alarm": id_, "gw": gw, "what": what, **done._asdict(), "person": person}
        if show.as_json:
            show.document(said | {"command": done.commands[0] if done.commands else None})
        elif done.done:
            show.line(f"central.{what}.done", alarm=id_[:ID_SHOWN], person=person, count=len(done.commands))
        else:
            show.line(
                f"central.{what}.before",
                alarm=id_[:ID_SHOWN],
                person=done.by or show.words("central.mark.by_unsaid"),
                at=local_time(done.at),
            )
        return OK

    return run
