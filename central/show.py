"""What the centre's commands print: JSON for programs, tables and sentences for people, errors with their hint."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from model.errors import DoorpostError
from model.table import aligned
from model.texts import amount, hint, text


class Show:
    """Data goes to standard output, errors and remarks to standard error; with `as_json` everything is one document."""

    def __init__(self, lang: str, *, as_json: bool) -> None:
        self.lang = lang
        self.as_json = as_json

    def words(self, key: str, /, **params: object) -> str:
        return text(key, self.lang, **params)

    def document(self, data: object) -> None:
        print(json.dumps(data, ensure_ascii=False), flush=True)

    def line(self, key: str, /, **params: object) -> None:
        print(self.words(key, **params), flush=True)

    def remark(self, key: str, /, **params: object) -> None:
        print(self.words(key, **params), file=sys.stderr, flush=True)

    def when(self, t: int | None, tq: Sequence[Any] | None, utc: int | None, *, doubtful: bool = False) -> str:
        """Where it lies on the calendar; else what the gateway's clock said. Marked where nobody had set that, or it cannot be so."""
        time = local_time(t if utc is None else utc)
        unset = utc is None and tq is not None and tq[0] == "unknown"
        return self.words("central.clock_unset", time=time) if unset or doubtful else time

    def amount(self, value: float | None, unit: str | None) -> str:
        if value is None:
            return ""
        if unit == "s":
            value, unit = next(((value / s, name) for s, name in _LONG if value >= s and value % s == 0), (value, unit))
        return amount(value, unit or "1")

    def record(self, one: dict[str, Any]) -> None:
        """As `doorpost store tail` shows it, with its gateway."""
        body = json.dumps(one["body"], ensure_ascii=False)
        when = self.when(one["t"], one["tq"], one["utc"])
        print(f"{when}  {one['gw']}  {one['stream']}/{one['seq']}  {one['kind']}  {body}", flush=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """`columns` are keys below `central.column`."""
        heads = [self.words(f"central.column.{column}") for column in columns]
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        if not sys.stdout.isatty():
            for line in aligned([heads, *cells]):
                print(line, flush=True)
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        for column, head in zip(columns, heads, strict=True):
            # nothing is cut; an id is there to be typed, so it is not folded either
            table.add_column(head, overflow="fold", no_wrap=column == "id")
        for row in cells:
            table.add_row(*row)
        Console(markup=False, emoji=False).print(table)

    def error(self, err: DoorpostError) -> None:
        what = self.words(f"error.{err.code}", **err.params)
        advice = hint(err.code, self.lang, **err.params)
        if self.as_json:
            params = {name: str(value) for name, value in err.params.items()}
            self.document({"error": {"code": err.code, "params": params, "text": what, "hint": advice}})
            return
        print("\n→ ".join(filter(None, (what, advice))), file=sys.stderr, flush=True)


_LONG = ((3600, "h"), (60, "min"))
"""Seconds that people count in more."""


def local_time(micros: int | None) -> str:
    """A time (us, UTC) on this machine's clock; one that no calendar holds as the number that it is."""
    if micros is None:
        return ""
    try:
        return datetime.fromtimestamp(micros / 1e6).astimezone().isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):
        return str(micros)


def minutes(seconds: float) -> str:
    """As a clock shows it."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


_WHYS = (
    "acked_by",
    "not_now",
    "alarm_not_open",
    "untaken",
    "reason_missing",
    "not_a_person",
    "ended_at",
    "injured_more_than_persons",
)


def why(said: str, lang: str) -> str:
    """In words, where it is one of the reasons that gateways and the centre give as codes; what a person wrote stays as it is."""
    code, _, rest = said.partition(" ")
    if code == "not_now":
        rest = _word("rescue_state", rest, lang)
    if code == "ended_at":
        gw, _, via = rest.partition(" ")
        rest = f"{gw} ({_word('central.via', via, lang)})"
    return text(f"central.why.{code}", lang, rest=rest) if code in _WHYS else said


def _word(section: str, name: str, lang: str) -> str:
    """As it is where there is no such word."""
    said = text(f"{section}.{name}", lang)
    return name if said == f"{section}.{name}" else said
