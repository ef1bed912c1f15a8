"""The report on response times: made, signed, and looked at again."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from central.show import Show, local_time, minutes
from model.errors import DoorpostError, EvidenceError

if TYPE_CHECKING:
    from sync.contract.witness import Witness

OK, PROBLEM = 0, 1

_AFTER = ("after_centre", "after_ack", "after_dispatch", "after_arrive", "after_release", "after_end")
"""Columns for the times of `report.TIMES`."""
_STEPS = ("ack", "dispatch", "arrive", "release")
_VERDICTS = ("missed", "unproven", "unrecorded", "doubtful")


def report(
    show: Show,
    *,
    data: Path,
    out: Path | None,
    first: datetime | None,
    last: datetime | None,
    days: int | None,
    witness: Sequence[Path],
) -> int:
    """Of whole days on this machine's calendar."""
    from central import report as reports
    from central.settings import load
    from central.store import reader

    if days is not None:
        if first or last:
            raise DoorpostError("report_days")
        first = datetime.combine(datetime.now().astimezone().date(), time()) - timedelta(days - 1)
    if first and last and last < first:
        raise DoorpostError("report_reversed", first=first.date(), last=last.date())
    begin, end = (
        None if day is None else int(day.astimezone().timestamp()) * 1_000_000
        for day in (first, last and last + timedelta(1))
    )
    targets = load(data / "central.toml", required=False).rescue
    said = reports.report(reader(data), targets, data / "gateways", begin, end, _opened(witness, data))
    if out is not None:
        reports.write(said, data, out)
    if show.as_json:
        show.document(said)
        return OK if said["intact"] else PROBLEM
    if said["rescues"]:
        show.line("central.report.head")
        for by in ("lift", "maintainer"):
            _summary(show, by, said[f"{by}s"])
        _rescues(show, said["rescues"])
    else:
        show.line("central.report.none")
    _intact(show, said)
    return OK if said["intact"] else PROBLEM


def _summary(show: Show, by: str, groups: list[dict[str, Any]]) -> None:
    rows = []
    for group in groups:
        times = [
            f"{minutes(spread['p50'])} / {minutes(spread['max'])}" if spread["n"] else None
            for spread in group["times"].values()
        ]
        met = sum(verdicts["met"] for verdicts in group["targets"].values())
        words = [
            " ".join(
                f"{show.words(f'central.step.{step}')} {verdicts[verdict]}"
                for step, verdicts in group["targets"].items()
                if verdicts[verdict]
            )
            for verdict in _VERDICTS
        ]
        rows.append((group[by], group["calls"], *times, met, *words, group["remote"] or None))
    show.table((by, "calls", *_AFTER, "met", *_VERDICTS, "remote"), rows)


def _rescues(show: Show, rescues: list[dict[str, Any]]) -> None:
    """A line each, in the order of the calls. Too late is what its gateway has said, or the times here say."""
    rows = []
    for one in rescues:
        times = [minutes(one["after"][step]) if step in one["after"] else None for step in _STEPS]
        late = [s for s in _STEPS if s in one["overdue"] or one["targets"].get(s) == "missed"]
        end = f"central.via.{one['ended_via']}" if one["ended_via"] else f"rescue_state.{one['state']}"
        overdue = " ".join(show.words(f"central.step.{step}") for step in late)
        rows.append((one["lift"], local_time(one["since"]), *times, show.words(end), overdue))
    show.table(
        ("lift", "since", "after_ack", "after_dispatch", "after_arrive", "after_release", "end", "overdue"), rows
    )


def _opened(files: Sequence[Path], data: Path) -> list["Witness"]:
    from sync.contract.signing import public_key
    from sync.contract.witness import opened

    try:
        return [opened(file.read_bytes(), public_key(data / "central.pub"))[0] for file in files]
    except OSError as err:
        raise EvidenceError("evidence_unreadable", path=err.filename, why=err.strerror) from err


def _intact(show: Show, said: dict[str, Any]) -> None:
    """What it is worth: the worst that is so, where, and which calls rest on that."""
    if said["broken"] or said["unaccounted"]:
        rows = ", ".join(f"{gw} {stream}/{seq}" for gw, _, stream, seq in said["broken"])
        show.line("central.report.broken", rows=rows or "-", unaccounted=said["unaccounted"])
    elif said["state"] == "altered":
        show.line("central.report.rewritten")
    else:
        show.line(f"central.report.{said['state']}")
    if doubtful := [one for one in said["witness"] if one["state"] != "intact"]:
        lanes(show, doubtful)
    doubts = [one["unproven"] for one in said["rescues"] if one["unproven"]]
    if doubts:
        why = ", ".join(show.words(f"central.held.{doubt}") for doubt in sorted(set(chain(*doubts))))
        show.line("central.report.unproven", count=len(doubts), calls=len(said["rescues"]), why=why)
    show.line("central.report.never_seen")


def verify(show: Show, *, file: Path, key: Path) -> int:
    from central import report as reports

    said = reports.verify(file, key)
    if show.as_json:
        show.document(
            {
                "file": str(file),
                "signed": said is not None,
                "intact": said["intact"] if said else None,
                "state": said["state"] if said else None,
            }
        )
    elif said is None:
        show.line("central.report.altered", file=file)
    else:
        show.line("central.report.signed", file=file, made=local_time(said["made"]), calls=len(said["rescues"]))
        _intact(show, said)
    return OK if said is not None and said["intact"] else PROBLEM


def lanes(show: Show, held: list[dict[str, Any]]) -> None:
    """How far the gateways bear witness to each lane."""
    columns = ("gateway", "store", "stream", "key", "state", "witnessed", "at", "beyond", "missing", "gaps")
    rows = [
        (
            *(one["gw"], one["store"][:8], one["stream"], one["key"], show.words(f"central.held.{one['state']}")),
            *(_ranges(one["witnessed"]), local_time(one["at"]), one["beyond"] or None, _ranges(one["missing"])),
            _ranges((gap["first"], gap["last"]) for gap in one["gaps"]),
        )
        for one in held
    ]
    show.table(columns, rows)


def _ranges(ranges: Iterable[tuple[int, int]]) -> str:
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
