"""The command line of the centre."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from central import report_cli, rescue_cli, serving
from central.show import Show, local_time
from model.bodies import TIERS
from model.errors import DoorpostError, SettingsError
from model.record import Stream
from model.texts import ASKED, asked_language, language, library_language, text

OK, PROBLEM, SETTINGS = 0, 1, 78


def main(args: Sequence[str] | None = None) -> None:
    """Run a command line and leave: 0 done, 1 a problem, 2 wrong usage, 78 wrong settings."""
    given = list(sys.argv[1:] if args is None else args)
    lang = asked_language(given, os.environ)
    library_language(lang)
    tree(lang).main(given, prog_name="doorpost central")


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
    page = (
        click.Option(
            ["--listen"], default="127.0.0.1:8322", show_default=True, help=text("central.option.listen", lang)
        ),
        click.Option(["--cert"], type=file, help=text("central.option.tls_cert", lang)),
        click.Option(["--key"], type=file, help=text("central.option.tls_key", lang)),
    )
    _leaf(root, "desk", "central.desk.help", lang, serving.desk, *page)
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
    _rescue(root, lang, pin)
    _report(root, lang, file)
    _leaf(root, "trace", "central.trace.help", lang, _trace, click.Argument(["code"]))
    persons = click.Group("person", help=text("central.person.help", lang))
    root.add_command(persons)
    _leaf(persons, "add", "central.person_add.help", lang, _person_add, click.Argument(["name"]), pin)
    return root


def _rescue(root: click.Group, lang: str, pin: click.Option) -> None:
    """What the rescue desk asks and says."""

    def option(name: str, kind: Any = str, *, required: bool = False) -> click.Option:
        return click.Option([f"--{name}"], type=kind, required=required, help=text(f"central.option.{name}", lang))

    alarm, person = (
        click.Argument(["alarm"]),
        click.Option(["--as", "person"], required=True, help=text("central.option.as", lang)),
    )
    said = (alarm, person, pin)
    team = option("team")
    _leaf(root, "alarms", "central.alarms.help", lang, rescue_cli.alarms)
    _leaf(root, "lifts", "central.lifts.help", lang, rescue_cli.lifts)
    _leaf(root, "timeline", "central.timeline.help", lang, rescue_cli.timeline, alarm)
    _leaf(root, "ack", "central.ack.help", lang, rescue_cli.order("ack"), *said)
    tier = option("tier", click.IntRange(1, TIERS))
    _leaf(root, "dispatch", "central.dispatch.help", lang, rescue_cli.order("dispatch"), *said, team, tier)
    _leaf(root, "arrive", "central.arrive.help", lang, rescue_cli.order("arrive"), *said, team)
    persons = (option(name, click.IntRange(0, 99)) for name in ("persons", "injured"))
    _leaf(root, "release", "central.release.help", lang, rescue_cli.order("release"), *said, *persons)
    why = (option("reason", required=True), option("fault"))
    _leaf(root, "close", "central.close.help", lang, rescue_cli.order("close"), *said, *why)


def _leaf(
    group: click.Group, name: str, help_key: str, lang: str, function: Callable[..., int], *params: click.Parameter
) -> None:
    """Add a command: a function `(show, data, **options) -> exit code`. Its errors are shown and become exit codes."""
    common = (_data(lang, required=True), *_common(lang))
    group.add_command(
        click.Command(name, callback=_invoked(function), params=[*params, *common], help=text(help_key, lang))
    )


def _invoked(function: Callable[..., int]) -> Callable[..., None]:
    @functools.wraps(function)
    def invoke(*, as_json: bool, lang: str, **options: Any) -> None:
        show = Show(lang, as_json=as_json)
        try:
            code = function(show, **options)
        except DoorpostError as err:
            show.error(err)
            code = SETTINGS if isinstance(err, SettingsError) else PROBLEM
        click.get_current_context().exit(code)

    return invoke


def _data(lang: str, *, required: bool) -> click.Option:
    path = click.Path(file_okay=False, path_type=Path)
    return click.Option(["--data"], type=path, required=required, help=text("central.option.data", lang))


def _common(lang: str) -> tuple[click.Option, ...]:
    return (
        click.Option(["--json", "as_json"], is_flag=True, help=text("cli.option.json", lang)),
        click.Option(
            ["--lang"],
            type=click.Choice(ASKED),
            callback=lambda _c, _p, value: language(value or lang),
            help=text("cli.option.lang", lang),
        ),
    )


def _report(root: click.Group, lang: str, file: click.Path) -> None:
    """`report` makes one; `report verify` looks at one, anywhere, and needs no data directory."""
    own = _invoked(report_cli.report)

    def make(**options: Any) -> None:
        context = click.get_current_context()
        if context.invoked_subcommand is None:
            if options["data"] is None:
                raise click.MissingParameter(ctx=context, param=data)
            own(**options)

    data = _data(lang, required=False)
    out = click.Option(["--out"], type=file, help=text("cli.option.out", lang))
    day = click.DateTime(["%Y-%m-%d"])
    which = (
        click.Option(["--from", "first"], type=day, help=text("central.option.from", lang)),
        click.Option(["--to", "last"], type=day, help=text("central.option.to", lang)),
        click.Option(["--days"], type=click.IntRange(1, 36500), help=text("central.option.days", lang)),
        click.Option(["--witness"], type=file, multiple=True, help=text("central.option.witness", lang)),
    )
    group = click.Group(
        "report", invoke_without_command=True, callback=make, params=[out, *which, data, *_common(lang)],
        help=text("central.report.help", lang),
    )  # fmt: skip
    root.add_command(group)
    key = click.Option(["--key"], type=file, required=True, help=text("central.option.report_key", lang))
    group.add_command(
        click.Command(
            "verify",
            callback=_invoked(report_cli.verify),
            params=[click.Argument(["file"], type=file), key, *_common(lang)],
            help=text("central.report_verify.help", lang),
        )
    )


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
    from central import checkpoints, queries, witnessed
    from central.store import reader

    db, keys = reader(data), data / "gateways"
    signed, whole = checkpoints.audit(db, keys), queries.audit(db)
    held = [one.document() for one in witnessed.held(db, keys, whole["lanes"]).values()]
    found = {**whole, "checkpoints": signed, "witness": held, "problems": queries.problems(db)}
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
        report_cli.lanes(show, held)
        _show_problems(show, found["problems"])
    bad = any(one["bad"] for one in signed.values())
    faulty = any(one["state"] in witnessed.FAULTS for one in held)
    return PROBLEM if found["broken"] or found["unaccounted"] or bad or faulty else OK


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


def _person_add(show: Show, *, data: Path, name: str, pin_file: Any) -> int:
    from central.settings import NAME_MAX, Person, add_person
    from model.pin import hashed

    if not (0 < len(name) <= NAME_MAX and name.isprintable()):
        raise DoorpostError("person_name", name=name)
    add_person(data / "central.toml", Person(name=name, pin=hashed(rescue_cli.pin(show, pin_file, twice=True))))
    if show.as_json:
        show.document({"person": name})
    else:
        show.line("central.person.added", name=name)
    return OK
