"""`doorpost lift history`: what the records say of a lift. It reads the stores as they lie there and needs no daemon."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gateway.cli.leaf import Exit, data_option, leaf
from gateway.cli.lift_told import told
from gateway.cli.show import Show, local_time
from model.errors import ContractError
from model.record import Stream
from model.texts import text

if TYPE_CHECKING:
    from sync.evidence.entries import Evidence

_KINDS = {
    "lift.test/1": "lift_record.test",
    "lift.filtered/1": "lift_record.filtered",
    "lift.refused/1": "lift_record.refused",
    "lift.event/1": "lift_record.event",
    "lift.gap/1": "lift_record.gap",
    "lift.file/1": "lift_record.file",
    "visit.place/1": "lift_record.visit_place",
    "visit.entry/1": "lift_record.visit_entry",
    "visit.signed/1": "lift_record.visit_signed",
    "alarm.raised/1": "lift_record.raised",
    "alarm.repeated/1": "central.kind.repeated",
    "alarm.reemit/1": "central.kind.reemit",
    "alarm.acked/1": "central.kind.acked",
    "alarm.cleared/1": "lift_record.cleared",
    "alarm.dispatched/1": "central.kind.dispatched",
    "alarm.arrived/1": "central.kind.arrived",
    "alarm.released/1": "central.kind.released",
    "alarm.escalated/1": "central.kind.escalated",
    "alarm.overdue/1": "central.kind.overdue",
    "alarm.ended/1": "central.kind.ended",
}
"""The kinds that tell of a lift, and the words for them."""
_STREAMS = (Stream.ALARM, Stream.EVENT, Stream.AUDIT)
_COLUMNS = ("cli.column.at", "cli.column.what", "cli.column.person", "cli.column.told", "cli.column.seq")


class _Found(NamedTuple):
    """The records of one lift in the order of their time, which lifts there are, which others have had its registration, and how
    many records could not be read.
    """

    records: list[dict[str, Any]]
    known: set[str]
    same: list[str]
    unreadable: int


def add(group: click.Group, lang: str) -> None:
    """To the group `doorpost lift`."""
    days = click.Option(
        ["--days"], type=click.IntRange(1, 5000), default=30, show_default=True, help=text("cli.option.days", lang)
    )
    leaf(group, "history", lang, click.Argument(["lift"]), days, data_option(lang))(_history)


def _history(show: Show, *, lift: str, days: int, data: Path) -> int:
    """Exit code 1 where a record cannot be read, or no record is of that lift. Raises ContractError."""
    from sync.evidence.source import with_evidence

    since = time.time_ns() // 1000 - days * 86_400_000_000
    found, known, same, unreadable = with_evidence(data, lambda evidence: _found(evidence, lift, since))
    if lift not in known and not found and not unreadable:
        raise ContractError("lift_unknown", lift=lift, known=", ".join(sorted(known)) or "–")
    if show.as_json:
        show.document({"lift": lift, "days": days, "same": same, "unreadable": unreadable, "records": found})
    else:
        show.table(_COLUMNS, [_row(show, one) for one in found])
        show.line(show.words("cli.lift_history.counts", **_counts(found)))
        for other in same:
            show.note(show.words("cli.lift_history.same", lift=lift, other=other))
        show.note(show.words("cli.lift_history.verify"))
        if unreadable:
            show.note(show.words("cli.lift_history.unreadable", n=unreadable))
    return Exit.PROBLEM if unreadable else Exit.OK


def _found(evidence: "Evidence", lift: str, since: int) -> _Found:
    import msgspec

    from model.bodies import BODIES
    from sync.evidence.entries import Unreadable

    found: list[dict[str, Any]] = []
    known: set[str] = set()
    registered: dict[str, set[str]] = {}
    unreadable = 0
    for entry in evidence.entries(_STREAMS):
        if isinstance(entry, Unreadable):
            unreadable += 1
            continue
        if entry.kind not in _KINDS:
            continue
        try:
            msgspec.json.decode(entry.body, type=BODIES[entry.kind])  # what is shown in words stands there
            body = msgspec.json.decode(entry.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            unreadable += 1
            continue
        known |= {name for name in _lifts(body) if name}
        if entry.kind == "lift.file/1" and body.get("registration"):
            registered.setdefault(body["lift"], set()).add(body["registration"])
        young = entry.t >= since or entry.tq.source == "unknown"  # by a clock that was nowhere nothing is left out
        if young and lift in (*_lifts(body), body.get("device")):
            place = {"store": entry.store, "stream": entry.stream, "seq": entry.seq}
            found.append({**place, "t": entry.t, "clock": entry.tq.source, "kind": entry.kind, "body": body})
    own = registered.pop(lift, set())
    same = sorted(other for other, numbers in registered.items() if numbers & own)
    return _Found(sorted(found, key=lambda one: one["t"]), known, same, unreadable)


def _lifts(body: dict[str, Any]) -> tuple[str | None, str | None]:
    """A call names its lift by its rescue. What is overdue is named as its device."""
    rescue = body.get("rescue")
    return body.get("lift"), rescue.get("lift") if isinstance(rescue, dict) else None


def _counts(found: Sequence[dict[str, Any]]) -> dict[str, int]:
    tests = [one["body"].get("phase") for one in found if one["kind"] == "lift.test/1"]
    kinds = [one["kind"] for one in found]
    return {
        "passed": tests.count("passed"),
        "failed": tests.count("failed"),
        "entered": kinds.count("visit.entry/1"),
        "signed": kinds.count("visit.signed/1"),
        "calls": kinds.count("alarm.raised/1"),
    }


def _row(show: Show, one: dict[str, Any]) -> list[str]:
    body = one["body"]
    what = show.words(_KINDS[one["kind"]])
    if one["stream"] == Stream.ALARM and "what" in body:
        what = f"{show.words('alarm.' + body['what'])}: {what}"
    at = local_time(one["t"])
    if one["clock"] == "unknown":
        at = show.words("central.clock_unset", time=at)
    who = body.get("by") or body.get("person") or "–"
    return [at, what, who, told(show, one["kind"], body), f"{one['stream']}/{one['seq']}"]
