"""`doorpost lift`: the lifts of the running gateway, and what a person with a PIN says of them on the spot."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from gateway.cli import lift_codes, lift_history, lift_visit
from gateway.cli.leaf import Exit, branch, data_option, leaf
from gateway.cli.pin import as_option, given_pin, pin_option
from gateway.cli.show import Show, local_minute
from gateway.client import ask
from model.texts import text

_LIFTS = (
    "cli.column.lift",
    "cli.column.lift_file",
    "cli.column.lift_level",
    "cli.column.lift_call",
    "cli.column.lift_test",
    "cli.column.lift_next",
)
_DUE = (
    "cli.column.lift",
    "cli.column.cycle",
    "cli.column.last_visit",
    "cli.column.due",
    "cli.column.days",
    "cli.column.lift_level",
)


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "lift", lang)
    data = data_option(lang)
    lift = click.Argument(["lift"])
    who = (as_option(lang), pin_option(lang), data)
    leaf(group, "list", lang, data)(_list)
    leaf(group, "due", lang, data)(_due)
    leaf(group, "arrive", lang, lift, *who)(_arrive)
    leaf(group, "release", lang, lift, _count("persons", lang), _count("injured", lang), *who)(_release)
    fault = click.Option(["--fault"], help=text("cli.option.lift_fault", lang))
    leaf(group, "end", lang, lift, fault, _reason(lang, required=False), *who)(_end)
    leaf(group, "test", lang, lift, as_option(lang), data)(_test)
    state = click.Argument(["state"], type=click.Choice(["active", "stopped", "scrapped"]))
    leaf(group, "state", lang, lift, state, _reason(lang, required=True), *who)(_state)
    lift_visit.add(group, lang)
    lift_history.add(group, lang)
    lift_codes.add(group, lang)


def _count(name: str, lang: str) -> click.Option:
    return click.Option([f"--{name}"], type=click.IntRange(0, 99), help=text(f"cli.option.{name}", lang))


def _reason(lang: str, *, required: bool) -> click.Option:
    return click.Option(["--reason"], required=required, help=text("cli.option.lift_reason", lang))


def _list(show: Show, *, data: Path) -> int:
    lifts = list(ask(data, "lifts"))
    if show.as_json:
        show.document({"lifts": lifts})
        return Exit.OK
    show.table(_LIFTS, [_row(show, one) for one in lifts])
    for problem in _problems(show, lifts):
        show.line(problem)
    return Exit.OK


def _problems(show: Show, lifts: list[dict[str, Any]], *which: str) -> Iterable[str]:
    """In words, once each: some are the machine's. All, or only `which`."""
    found = [(problem, one["id"]) for one in lifts for problem in one["problems"] if not which or problem in which]
    return dict.fromkeys(show.words(f"lift_problem.{problem}", lift=lift) for problem, lift in found)


def _row(show: Show, one: dict[str, Any]) -> list[str]:
    calls = [
        show.words(
            "cli.lift_list.since", time=local_minute(c["raised"]), state=show.words(f"rescue_state.{c['state']}")
        )
        for c in one["calls"]
    ]
    due = sorted((cycle["due"], show.words(f"lift_cycle.{cycle['cycle']}")) for cycle in one["cycles"])
    if one["inspection_due"]:
        due = sorted([*due, (one["inspection_due"], show.words("lift_cycle.inspection"))])
    told = " ".join(due[0]) if due else "–"
    last = one["tests"] and one["tests"]["last"]
    test = f"{show.words('lift_test.' + last)} {local_minute(one['tests']['at'])}" if last else "–"
    state, level = show.words(f"lift_file.{one['state']}"), show.words(f"lift_level.{one['level']}")
    return [one["id"], state, level, ", ".join(calls) or "–", test, told]


def _due(show: Show, *, data: Path) -> int:
    """Exit code 1 while something is overdue."""
    lifts = list(ask(data, "lifts"))
    rows = [{"lift": one["id"], **cycle} for one in lifts for cycle in [*one["cycles"], *_inspection(one)]]
    rows.sort(key=lambda row: row["due"])
    if show.as_json:
        show.document({"due": rows})
    else:
        show.table(
            _DUE,
            [
                [
                    row["lift"],
                    show.words(f"lift_cycle.{row['cycle']}"),
                    row["last"] or "–",
                    row["due"],
                    "–" if row["days"] is None else str(row["days"]),
                    show.words(f"lift_level.{row['level']}") if row["level"] else "–",
                ]
                for row in rows
            ],
        )
        for problem in _problems(show, lifts, "clock_unknown"):
            show.note(problem)
        show.note(show.words("cli.lift_due.proposed"))
    return Exit.PROBLEM if any(row["level"] == "red" for row in rows) else Exit.OK


def _inspection(one: dict[str, Any]) -> list[dict[str, Any]]:
    if one["inspection_due"] is None:
        return []
    told = {"due": one["inspection_due"], "days": one["inspection_days"], "level": one["inspection_level"]}
    return [{"cycle": "inspection", "last": None, **told}]


def _arrive(show: Show, *, lift: str, person: str, pin_file: Any, data: Path) -> int:
    return _done(show, "arrive", _do(data, lift, person, {"type": "arrive"}, given_pin(show, pin_file)), lift)


def _release(
    show: Show, *, lift: str, persons: int | None, injured: int | None, person: str, pin_file: Any, data: Path
) -> int:
    deed = {"type": "release", "persons": persons, "injured": injured}
    return _done(show, "release", _do(data, lift, person, deed, given_pin(show, pin_file)), lift)


def _end(
    show: Show, *, lift: str, fault: str | None, reason: str | None, person: str, pin_file: Any, data: Path
) -> int:
    deed = {"type": "end", "fault": fault, "reason": reason}
    return _done(show, "end", _do(data, lift, person, deed, given_pin(show, pin_file)), lift)


def _test(show: Show, *, lift: str, person: str, data: Path) -> int:
    done = _do(data, lift, person, {"type": "test"})
    if done["waits"] and not show.as_json:
        show.line(show.words("cli.lift_test.waits", lift=lift))
        return Exit.OK
    return _done(show, "test", done, lift)


def _state(show: Show, *, lift: str, state: str, reason: str, person: str, pin_file: Any, data: Path) -> int:
    deed = {"type": "state", "state": state, "reason": reason}
    done = _do(data, lift, person, deed, given_pin(show, pin_file))
    return _done(show, "state", done, lift, state=show.words(f"lift_file.{state}"))


def _do(data: Path, lift: str, person: str, deed: dict[str, Any], pin: str | None = None) -> dict[str, Any]:
    (done,) = ask(data, "lift", lift=lift, by=person, pin=pin, deed=deed)
    return dict(done)


def _done(show: Show, what: str, done: dict[str, Any], lift: str, **words: str) -> int:
    if show.as_json:
        show.document({"lift": lift, **done})
    else:
        show.line(show.words(f"cli.lift_{what}.done", lift=lift, **words))
        if done.get("durable") is False:
            show.note(show.words("cli.lift.not_durable"))
    return Exit.OK
