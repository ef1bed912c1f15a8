"""`doorpost lift visit`: maintenance visits, entered by the technician and signed by the user's safety manager."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

from gateway.cli.leaf import Exit, data_option, leaf
from gateway.cli.lift_told import days_late
from gateway.cli.pin import as_option, given_pin, pin_option
from gateway.cli.show import Show, local_time
from gateway.client import ask
from model.errors import DoorpostError
from model.texts import text

CYCLES = ("half_month", "quarter", "half_year", "year")
ID_SHOWN = 8
"""Characters of a visit's id: `sign` takes a beginning."""
_COLUMNS = (
    "cli.column.visit",
    "cli.column.lift",
    "cli.column.person",
    "cli.column.places",
    "cli.column.began",
    "cli.column.cycle",
    "cli.column.marks",
    "cli.column.signed_by",
)


def add(lifts: click.Group, lang: str) -> None:
    """To the group `doorpost lift`."""
    group = click.Group("lift_visit", help=text("cli.lift_visit.help", lang))
    lifts.add_command(group, "visit")
    who = (as_option(lang), pin_option(lang), data_option(lang))
    lift = click.Argument(["lift"])
    leaf(group, "list", lang, data_option(lang))(_list)
    cycle = click.Option(
        ["--cycle"], type=click.Choice(CYCLES), required=True, help=text("cli.option.visit_cycle", lang)
    )
    many = [
        click.Option([f"--{name}", f"{name}s"], multiple=True, help=text(f"cli.option.{name}", lang))
        for name in ("item", "note")
    ]
    photo = click.Option(
        ["--photo", "photos"],
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=text("cli.option.visit_photo", lang),
    )
    leaf(group, "enter", lang, lift, cycle, *many, photo, *who)(_enter)
    leaf(group, "sign", lang, lift, click.Argument(["visit"]), *who)(_sign)


def _list(show: Show, *, data: Path) -> int:
    visits = [{"lift": lift["id"], **visit} for lift in ask(data, "lifts") for visit in lift["visits"]]
    if show.as_json:
        show.document({"visits": visits})
        return Exit.OK
    show.table(_COLUMNS, [_row(show, one) for one in visits])
    return Exit.OK


def _row(show: Show, one: dict[str, Any]) -> list[str]:
    marks = [
        *([] if one["proven"] else [show.words("visit.one_place")]),
        *([show.words("visit.late", days=days_late(one["late_s"]))] if one["late_s"] else []),
        *([show.words("visit.entered_late")] if one["entered_late"] else []),
    ]
    cycle = show.words(f"lift_cycle.{one['cycle']}") if one["cycle"] else "–"
    began = "–" if one["began"] is None else local_time(one["began"])
    who = [one["id"][:ID_SHOWN], one["lift"], one["person"], ", ".join(one["places"]), began]
    return [*who, cycle, ", ".join(marks) or "–", one["signed_by"] or "–"]


def _enter(
    show: Show,
    *,
    lift: str,
    cycle: str,
    items: Sequence[str],
    notes: Sequence[str],
    photos: Sequence[Path],
    person: str,
    pin_file: Any,
    data: Path,
) -> int:
    deed = {
        "type": "enter",
        "cycle": cycle,
        "items": _results(items),
        "notes": _pairs(notes),
        "photos": [_sha256(path) for path in photos],
    }
    done = _done(data, lift, person, given_pin(show, pin_file), deed)
    if show.as_json:
        show.document(done)
        return Exit.OK
    show.line(show.words("cli.lift_visit_enter.done", visit=done["visit"][:ID_SHOWN], lift=lift))
    if done["late_s"]:
        show.line(show.words("visit.late", days=days_late(done["late_s"])))
    if done["entered_late"]:
        show.line(show.words("visit.entered_late"))
    return Exit.OK


def _sign(show: Show, *, lift: str, visit: str, person: str, pin_file: Any, data: Path) -> int:
    done = _done(data, lift, person, given_pin(show, pin_file), {"type": "sign", "visit": visit})
    if show.as_json:
        show.document(done)
    else:
        show.line(show.words("cli.lift_visit_sign.done", visit=done["visit"][:ID_SHOWN], sha256=done["entry"]))
    return Exit.OK


def _done(data: Path, lift: str, person: str, pin: str, deed: dict[str, Any]) -> dict[str, Any]:
    (done,) = ask(data, "lift", lift=lift, by=person, pin=pin, deed=deed)
    return dict(done)


def _pairs(given: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE, each name once. Raises DoorpostError."""
    pairs: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise DoorpostError("visit_pair", value=one)
        if name in pairs:
            raise DoorpostError("visit_pair_twice", name=name)
        pairs[name] = value
    return pairs


def _results(given: Sequence[str]) -> dict[str, str]:
    """As `_pairs`, each with one of the results that there are."""
    from model.bodies import VisitResult  # msgspec: not for who only wants help

    pairs = _pairs(given)
    for name, value in pairs.items():
        if value not in get_args(VisitResult):
            raise DoorpostError("visit_result_unknown", name=name, value=value, known=", ".join(get_args(VisitResult)))
    return pairs


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise DoorpostError("photo_unreadable", file=path, why=err.strerror) from err
