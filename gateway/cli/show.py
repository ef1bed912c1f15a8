"""What commands print: one JSON document (or a JSON line per item), or tables and sentences for a person."""

import json
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.settings.problem import SettingsInvalid
from model.errors import DoorpostError
from model.texts import hint, text


class Show:
    """Data goes to standard output; with `as_json` nothing else does."""

    def __init__(self, lang: str, *, as_json: bool) -> None:
        self.lang = lang
        self.as_json = as_json

    def words(self, key: str, /, **params: object) -> str:
        return text(key, self.lang, **params)

    def document(self, data: object) -> None:
        """One JSON document, on one line."""
        print(json.dumps(data, ensure_ascii=False), flush=True)

    def line(self, words: str) -> None:
        print(words, flush=True)

    def note(self, words: str) -> None:
        """For a person beside the data: to standard error."""
        print(words, file=sys.stderr, flush=True)

    def error(self, err: DoorpostError) -> None:
        """With `as_json` as a document, else to standard error; of settings, every problem."""
        what, advice = self.words(f"error.{err.code}", **err.params), hint(err.code, self.lang, **err.params)
        problems = err.problems if isinstance(err, SettingsInvalid) else []
        if self.as_json:
            told = {
                "code": err.code,
                "params": {k: str(v) for k, v in err.params.items()},
                "text": what,
                "hint": advice,
            }
            listed = {"problems": [problem.document(self.lang) for problem in problems]} if problems else {}
            self.document({"error": told, **listed})
            return
        for problem in problems:
            self.note("\n".join(problem.told(self.lang)))
        self.note(what)
        if advice:
            self.note(f"→ {advice}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """`columns` are keys of the catalogue."""
        heads = [self.words(column) for column in columns]
        if sys.stdout.isatty():
            _rich(heads, rows)
            return
        widths = [max(map(_width, cells)) for cells in zip(heads, *rows, strict=True)]
        for row in (heads, *rows):
            cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
            self.line("  ".join(cells).rstrip())


def local_time(micros: int) -> str:
    """A time (us, UTC) on this machine's clock."""
    return datetime.fromtimestamp(micros / 1e6).astimezone().isoformat(sep=" ", timespec="milliseconds")


def point(show: Show, one: dict[str, Any]) -> str:
    """`temperature 4.2 °C`, or why there is no value."""
    if one["value"] is None:
        return f"{one['name']} {show.words('quality.' + one['quality'])}"
    unit = {"1": "", "Cel": " °C", "%": " %"}.get(one["unit"], " " + one["unit"])
    return f"{one['name']} {one['value']:g}{unit}"


def _rich(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    Console(markup=False, emoji=False).print(table)


def _width(cell: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in cell)
