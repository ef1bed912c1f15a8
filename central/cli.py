"""The command line of the centre."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from central import serving
from central.show import Show, local_time
from model.errors import DoorpostError, SettingsError
from model.record import Stream
from model.texts import asked_language, language, text

OK, PROBLEM, SETTINGS = 0, 1, 78
ID_SHOWN = 8
"""Characters of an alarm's id that a person is shown: `ack` takes a beginning."""


def main(args: Sequence[str] | None = None) -> None:
    """Run a command line and leave: 0 done, 1 a problem, 2 wrong usage, 78 wrong settings."""
    given = list(sys.argv[1:] if args is None else args)
    tree(asked_language(given, os.environ)).main(given, prog_name="doorpost central")


def tree(lang: str) -> click.Group:
    root = click.Group("central", help=text("central.help", lang))
    file = click.Path(dir_okay=False, path_type=Path)
    pin = click.Option(["--pin-file"], type=click.File("r"), help=text("central.option.pin_file", lang))
    wire = (
        click.Option(["--broker"], help=text("central.option.broker", lang)),
        click.Option(["--config"], type=file, help=text("central.option.config", lang)),
        *(
            click.Option([f"--{name}"], type=file, help=text(f"central.option.{name}", lang))
            for name in ("password-file", "ca", "cert", "key")
        ),
    )
    shared = click.Option(["--shared"], is_flag=True, help=text("central.option.shared", lang))
    _leaf(root, "run", "central.run.help", lang, serving.run, shared, *wire)
    name = click.Option(["--name"], required=True, callback=serving.worker_name, help=text("central.option.name", lang))
    _leaf(root, "worker", "central.worker.help", lang, serving.worker, name, *wire)
    _leaf(root, "counts", "central.counts.help", lang, _counts)
    _leaf(root, "audit", "central.audit.help", lang, _audit)
    _leaf(
        root,
        "records",
        "central.records.help",
        lang,
        _records,
        *(click.Option([option], help=text(f"central.option.{option[2:]}", lang)) for option in ("--gw", "--kind")),
        click.Option(
            ["--stream"], type=click.Choice([str(one) for one in Stream]), help=text("central.option.stream", lang)
        ),
    )
    out = click.Option(["--out"], type=file, required=True, help=text("cli.option.out", lang))
    _leaf(root, "witness", "central.witness.help", lang, _witness, click.Argument(["gw"]), out)
    _leaf(root, "alarms", "central.alarms.help", lang, _alarms)
    _leaf(root, "trace", "central.trace.help", lang, _trace, click.Argument(["code"]))
    person = click.Option(["--as", "person"], required=True, help=text("central.option.as", lang))
    _leaf(root, "ack", "central.ack.help", lang, _ack, click.Argument(["alarm"]), person, pin)
    persons = click.Group("person", help=text("central.person.help", lang))
    root.add_command(persons)
    _leaf(persons, "add", "central.person_add.help", lang, _person_add, click.Argument(["name"]), pin)
    return root


def _leaf(
    group: click.Group, name: str, help_key: str, lang: str, function: Callable[..., int], *params: click.Parameter
) -> None:
    """Add a command: a function `(show, data, **options) -> exit code`. Its errors are shown and become exit codes."""

    @functools.wraps(function)
    def invoke(*, as_json: bool, lang: str, **options: Any) -> None:
        show = Show(lang, as_json=as_json)
        try:
            code = function(show, **options)
        except DoorpostError as err:
            show.error(err)
            code = SETTINGS if isinstance(err, SettingsError) else PROBLEM
        click.get_current_context().exit(code)

    common = (
        click.Option(
            ["--data"],
            type=click.Path(file_okay=False, path_type=Path),
            required=True,
            help=text("central.option.data", lang),
        ),
        click.Option(["--json", "as_json"], is_flag=True, help=text("cli.option.json", lang)),
        click.Option(
            ["--lang"], callback=lambda _c, _p, value: language(value or lang), help=text("cli.option.lang", lang)
        ),
    )
    group.add_command(click.Command(name, callback=invoke, params=[*params, *common], help=text(help_key, lang)))


def _counts(show: Show, *, data: Path) -> int:
    from central import queries
    from central.store import reader

    found = queries.counts(reader(data))
    if show.as_json:
        show.document(found)
        return OK
    numbers = (
        "rows",
        "upto",
        "last_declared",
        "missing",
        "lost",
        "refused",
        "duplicates_removed",
        "again",
        "quarantined",
    )
    for gw, one in found["gateways"].items():
        for store, streams in one["stores"].items():
            show.line(
                "central.gateway", gateway=gw, link=show.words(f"central.online.{int(one['online'])}"), store=store
            )
            rows = [(stream, *(lane[name] for name in numbers)) for stream, lane in streams.items()]
            show.table(("stream", *numbers), rows)
    if found["resolved"]:
        show.line("central.resolved", count=found["resolved"])
    _show_problems(show, found["problems"])
    return OK


def _show_problems(show: Show, problems: Sequence[dict[str, Any]]) -> None:
    if problems:
        show.table(
            ("gateway", "problem", "count", "at"),
            [
                (p["gw"], show.words(f"central.problem.{p['what']}"), p["count"], local_time(p["last_at"]))
                for p in problems
            ],
        )


def _audit(show: Show, *, data: Path) -> int:
    from central import checkpoints, queries
    from central.store import reader

    db = reader(data)
    signed = checkpoints.audit(db, data / "gateways")
    found = {**queries.audit(db), "checkpoints": signed, "problems": queries.problems(db)}
    if show.as_json:
        show.document(found)
    else:
        numbers = ("rows", "ok", "broken", "unaccounted")
        show.table(
            ("gateway", "store", "stream", *numbers),
            [
                (lane["gw"], lane["store"][:8], lane["stream"], *(lane[name] for name in numbers))
                for lane in found["lanes"]
            ],
        )
        tally = ("verified", "bad", "unverified")
        show.table(
            ("gateway", *tally),
            [(gw, *(one[name] for name in tally)) for gw, one in signed.items()],
        )
        _show_problems(show, found["problems"])
    bad = any(one["bad"] for one in signed.values())
    return PROBLEM if found["broken"] or found["unaccounted"] or bad else OK


def _records(show: Show, *, data: Path, gw: str | None, stream: str | None, kind: str | None) -> int:
    from central import queries
    from central.store import reader

    for one in queries.records(reader(data), gw, stream, kind):
        if show.as_json:
            show.document(one)
        else:
            show.record(one)
    return OK


def _witness(show: Show, *, data: Path, gw: str, out: Path) -> int:
    from central import witness
    from central.store import reader

    said = witness.write(reader(data), data, gw, out)
    if show.as_json:
        show.document({"file": str(out), "lanes": len(said.lanes), "checkpoints": len(said.checkpoints)})
    else:
        show.line("central.witness.done", file=out, gw=gw, checkpoints=len(said.checkpoints))
    return OK


def _alarms(show: Show, *, data: Path) -> int:
    from central import queries
    from central.store import reader

    found = queries.alarms(reader(data))
    if show.as_json:
        show.document({"alarms": found})
        return OK
    if not found:
        show.line("central.alarms.none")
        return OK
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
    return OK


def _trace(show: Show, *, data: Path, code: str) -> int:
    from central import queries
    from central.store import reader

    found = queries.trace(reader(data), code)
    if show.as_json:
        show.document({"code": code, "sightings": found})
    elif not found:
        show.line("central.trace.none", code=code)
    else:
        show.table(
            ("at", "gateway", "device", "carrier", "seq"),
            [
                (show.when(one["t"], one["tq"], one["utc"]), one["gw"], one["device"], one["carrier"], one["seq"])
                for one in found
            ],
        )
    return OK if found else PROBLEM


def _ack(show: Show, *, data: Path, alarm: str, person: str, pin_file: Any) -> int:
    from central import commands, persons, queries
    from central.settings import load
    from central.store import reader, second_writer

    gw, alarm = queries.alarm(reader(data), alarm)
    db = second_writer(data)
    known = load(data / "central.toml", required=False).person
    persons.authenticate(db, known, person, _pin(show, pin_file))
    command = commands.acknowledge(db, gw, alarm, person)
    if show.as_json:
        show.document({"command": command, "gw": gw, "alarm": alarm, "person": person})
    else:
        show.line("central.ack.sent", gw=gw, alarm=alarm, person=person)
    return OK


def _person_add(show: Show, *, data: Path, name: str, pin_file: Any) -> int:
    from central import persons
    from central.settings import Person, add_person

    if not (0 < len(name) <= 64 and name.isprintable()):
        raise DoorpostError("person_name", name=name)
    add_person(data / "central.toml", Person(name=name, pin=persons.hashed(_pin(show, pin_file, twice=True))))
    if show.as_json:
        show.document({"person": name})
    else:
        show.line("central.person.added", name=name)
    return OK


def _pin(show: Show, file: Any, *, twice: bool = False) -> str:
    """From the file, else asked for. Raises DoorpostError where nobody is there to be asked."""
    if file is not None:
        return str(file.read()).strip()
    if not sys.stdin.isatty():
        raise DoorpostError("pin_missing")
    return str(click.prompt(show.words("central.pin"), hide_input=True, confirmation_prompt=twice, err=True))
