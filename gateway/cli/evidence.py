"""`doorpost store export` and `doorpost verify`: records as evidence, and what they prove. Neither needs the daemon."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, data_option, leaf
from gateway.cli.show import Show, local_time
from model.texts import text

if TYPE_CHECKING:
    from sync.evidence.report import WitnessTold

_Range = tuple[dict[str, Any], int, int, str]
"""Numbers of a stream, and the key of the words for them."""
_SHOWN = 10
"""Lines of one sort for a person; `--json` has all."""
_COLUMNS = (
    "cli.column.store",
    "page.column.stream",
    "evidence.column.held",
    "evidence.column.signed",
    "evidence.column.witnessed",
)


def add_export(store: click.Group, lang: str) -> None:
    leaf(store, "export", lang, _file("out", lang, required=True), data_option(lang))(_export)


def add(root: click.Group, lang: str) -> None:
    path = click.Argument(["path"], type=click.Path(path_type=Path))
    files = [_file("key", lang, required=True), _file("witness", lang), _file("witness_key", lang)]
    leaf(root, "verify", lang, path, *files)(_verify)


def _file(name: str, lang: str, *, required: bool = False) -> click.Option:
    kind = click.Path(dir_okay=False, path_type=Path)
    words = text(f"cli.option.{name}", lang)
    return click.Option([f"--{name.replace('_', '-')}"], required=required, type=kind, help=words)


def _export(show: Show, *, out: Path, data: Path) -> int:
    from sync.evidence.export import write
    from sync.evidence.source import with_evidence

    began = time.time_ns() // 1000  # what a centre has had by then was in the streams when their ends were looked up
    written = with_evidence(data, lambda evidence: write(evidence, out, began))
    gaps = [gap._asdict() for gap in written.unreadable]
    if show.as_json:
        show.document({"file": str(out), "records": written.records, "bytes": written.bytes, "unreadable": gaps})
    else:
        show.line(show.words("cli.store_export.done", file=out, records=written.records, bytes=written.bytes))
        if gaps:
            show.note(show.words("cli.store_export.unreadable", n=len(gaps)))
        for gap in gaps[:_SHOWN]:
            show.note(show.words("evidence.range", **gap | {"last": gap["last"] or "?"}))
        if len(gaps) > _SHOWN:
            show.note(show.words("evidence.more", n=len(gaps) - _SHOWN))
    return Exit.PROBLEM if gaps else Exit.OK


def _verify(show: Show, *, path: Path, key: Path, witness: Path | None, witness_key: Path | None) -> int:
    from sync.contract.signing import public_key
    from sync.evidence import report
    from sync.evidence import verify as check
    from sync.evidence.source import with_evidence

    public = public_key(key)
    seen, told = _witness(witness, witness_key)
    verdict = with_evidence(path, lambda evidence: check.verify(evidence, public, seen))
    found = report.document(verdict, told)
    if show.as_json:
        show.document(found)
        return Exit.OK if verdict.good else Exit.PROBLEM
    for line in _lines(show, found):
        show.line(line)
    _table(show, found["complete"]["streams"])
    for code in found["cannot_know"]:
        show.line(show.words(f"evidence.open.{code}", **_dates(found)))
    return Exit.OK if verdict.good else Exit.PROBLEM


def _witness(path: Path | None, key: Path | None) -> "tuple[Any, WitnessTold | None]":
    from model.errors import EvidenceError
    from sync.contract.signing import public_key
    from sync.contract.witness import opened
    from sync.evidence.report import WitnessTold

    if path is None:
        return None, None
    try:
        data = path.read_bytes()
    except OSError as err:
        raise EvidenceError("evidence_unreadable", path=path, why=err.strerror) from err
    witness, signer = opened(data, public_key(key) if key else None)
    return witness, WitnessTold(witness.made, signer, checked=key is not None)


def _lines(show: Show, found: dict[str, Any]) -> Iterator[str]:
    streams, device, clock = found["complete"]["streams"], found["device"], found["time"]
    records = sum(one["records"] for one in streams)
    bad = found["intact"]["bad"]
    yield show.words(f"evidence.intact.{found['intact']['answer']}", n=records, bad=sum(one["count"] for one in bad))
    for one in bad[:_SHOWN]:
        why = show.words(f"evidence.why.{one['why']}")
        yield show.words("evidence.bad", store=one["store"], stream=one["stream"], seq=one["seq"], why=why)
    younger = found["complete"]["answer"] == "unknown" and "witness_younger" in found["cannot_know"]
    yield show.words(f"evidence.complete.{'younger' if younger else found['complete']['answer']}")
    missing = _ranges(streams, "missing", "evidence.lacks")
    yield from _told_ranges(show, missing)
    if any(why == "evidence.lacks.witness" for *_, why in missing):
        yield show.words(f"evidence.due.{'here' if found['exported'] is None else 'export'}", **_dates(found))
    yield from _told_ranges(show, [(one, a, b, "evidence.younger") for one in streams for a, b in one["younger"]])
    yield from _told_ranges(show, _ranges(streams, "declared", "evidence.reason"))
    for one in found["sealed"]:
        ends = ", ".join(f"{stream} {seq}" for stream, seq in one["ends"].items())
        yield show.words(f"evidence.sealed.{one['why']}", store=one["store"], ends=ends)
        yield show.words(f"evidence.sealed.{'by' if one['by'] else 'nowhere'}", by=one["by"])
    yield show.words(
        f"evidence.device.{device['answer']}", n=device["checkpoints"], bad=device["unsigned"], key=found["key"]
    )
    yield show.words(f"evidence.time.{clock['answer']}")
    for boot in clock["boots"]:
        if boot["answer"] != "yes" or boot["located"] or boot["steps"]:
            span = {"first": local_time(boot["first"]), "last": local_time(boot["last"])}
            numbers = {name: boot[name] for name in ("boot", "records", "located", "later", "unknown", "contradicting")}
            yield show.words("evidence.boot", **numbers, **span, steps=len(boot["steps"]))


def _dates(found: dict[str, Any]) -> dict[str, str]:
    dates = {"made": found["witness"] and found["witness"]["made"], "exported": found["exported"]}
    return {name: local_time(date) for name, date in dates.items() if date is not None}


def _ranges(streams: list[dict[str, Any]], what: str, words: str) -> list[_Range]:
    return [(one, first, last, f"{words}.{why}") for one in streams for first, last, why in one[what]]


def _told_ranges(show: Show, ranges: list[_Range]) -> Iterator[str]:
    for one, first, last, why in ranges[:_SHOWN]:
        lane = {"store": one["store"], "stream": one["stream"]}
        yield show.words("evidence.range", **lane, first=first, last=last, why=show.words(why))
    if len(ranges) > _SHOWN:
        yield show.words("evidence.more", n=len(ranges) - _SHOWN)


def _table(show: Show, streams: list[dict[str, Any]]) -> None:
    rows = [
        (one["store"], one["stream"], *(_told(one[what]) for what in ("held", "signed", "witnessed")))
        for one in ({**one, "held": [(one["first"], one["last"])]} for one in streams if one["records"])
    ]
    show.table(_COLUMNS, rows)


def _told(ranges: list[tuple[int, int]]) -> str:
    return ", ".join(f"{a}..{b}" for a, b in ranges) or "–"
