"""What commands print: one JSON document (or a JSON line per item), or tables and sentences for a person."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.settings.problem import SettingsInvalid
from model.errors import DoorpostError
from model.table import aligned
from model.texts import amount, hint, text


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
        print(_steady(words), flush=True)

    def note(self, words: str) -> None:
        """For a person beside the data: to standard error."""
        print(_steady(words), file=sys.stderr, flush=True)

    def error(self, err: DoorpostError) -> None:
        """With `as_json` as a document, else to standard error; of settings, every problem."""
        problems = err.problems if isinstance(err, SettingsInvalid) else []
        if self.as_json:
            listed = {"problems": [problem.document(self.lang) for problem in problems]} if problems else {}
            self.document({"error": self.problem_document(err), **listed})
            return
        for problem in problems:
            self.note("\n".join(problem.told(self.lang)))
        self.note(self.words(f"error.{err.code}", **err.params))
        if advice := hint(err.code, self.lang, **err.params):
            self.note(f"→ {advice}")

    def problem_document(self, err: DoorpostError) -> dict[str, Any]:
        """An error for programs, with its words."""
        return {
            "code": err.code,
            "params": {k: str(v) for k, v in err.params.items()},
            "text": self.words(f"error.{err.code}", **err.params),
            "hint": hint(err.code, self.lang, **err.params),
        }

    def advised(self, code: str, /, **params: object) -> str:
        """The words of an error among others, with what to do indented below."""
        what, advice = self.words(f"error.{code}", **params), hint(code, self.lang, **params)
        return what + (f"\n    → {advice}" if advice else "")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """`columns` are keys of the catalogue."""
        heads = [self.words(column) for column in columns]
        if sys.stdout.isatty():
            _rich(heads, rows)
            return
        for line in aligned([heads, *rows]):
            self.line(line)


def local_time(micros: int) -> str:
    """A time (us, UTC) on this machine's clock."""
    return datetime.fromtimestamp(micros / 1e6).astimezone().isoformat(sep=" ", timespec="milliseconds")


def local_minute(micros: int) -> str:
    """As `local_time`, where a glance is enough."""
    return datetime.fromtimestamp(micros / 1e6).astimezone().strftime("%Y-%m-%d %H:%M")


def point(show: Show, one: dict[str, Any]) -> str:
    """`temperature 4.2 °C`, or why there is no value."""
    if one["value"] is None:
        return f"{one['name']} {show.words('quality.' + one['quality'])}"
    return f"{one['name']} {amount(one['value'], one['unit'])}"


def said(show: Show, one: dict[str, Any]) -> str:
    """What was observed, in words."""
    match one["kind"]:
        case "poll":
            return ", ".join(point(show, {"name": name, **value}) for name, value in one["points"].items())
        case "scan":
            words = [_printable(one["text"]), one["aim"] or ""]
            if doubt := one.get("doubt"):
                words.append(f"({show.words(f'doubt.{doubt}')})")
            return "  ".join(filter(None, words))
        case "card":
            state = "present" if one["present"] else "gone"
            return show.words(f"watch.card.{state}", card=_card(one))
        case "text":
            return f"{_printable(one['number'])}: {_printable(one['text'])}"
        case _:
            return _tag(show, one)


def _tag(show: Show, one: dict[str, Any]) -> str:
    words = [one["epc"], f"×{one['count']}"]
    for name, key in (("antenna", "watch.antenna"), ("rssi_peak", "watch.rssi"), ("channel", "watch.channel")):
        if one.get(name) is not None:
            words.append(show.words(key, n=one[name]))
    if one.get("tid"):
        words.append(f"TID {one['tid']}")
    return "  ".join(words)


def _card(one: dict[str, Any]) -> str:
    """With the numbers that stand on a 125 kHz card: its last four bytes in ten digits, and of these 8 and 16 bits."""
    uid = _printable(one["uid"])
    if one["technology"] != "em4100":
        return uid
    number = int.from_bytes(bytes.fromhex(uid)[1:])
    return f"{uid} ({number:010}, {number >> 16 & 0xFF},{number & 0xFFFF:05})"


def _printable(text: str) -> str:
    """What was scanned, and what a device says of itself, may hold anything: nothing of it shall steer the terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _steady(words: str) -> str:
    return "\n".join(map(_printable, words.split("\n")))


def observed(show: Show, one: dict[str, Any]) -> str:
    """With its time."""
    return f"{local_time(one['at'])}  {said(show, one)}".rstrip()


def _rich(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for head in heads:
        table.add_column(head, overflow="fold")  # an id is folded on a narrow terminal, never cut
    for row in rows:
        table.add_row(*map(_printable, row))
    Console(markup=False, emoji=False).print(table)
