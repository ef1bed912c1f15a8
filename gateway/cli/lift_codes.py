"""`doorpost lift codes`: the tables of what lifts' codes mean."""

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, leaf
from gateway.cli.show import Show

if TYPE_CHECKING:
    from gateway.lift_codes import Source, Table

_TABLES = ("cli.column.lift_codes", "cli.column.label", "cli.column.evidence")
_ROWS = (
    "cli.column.lift_code",
    "cli.column.lift_what",
    "cli.column.lift_name",
    "cli.column.label",
    "cli.column.evidence",
)


def add(group: click.Group, lang: str) -> None:
    """To the group `doorpost lift`."""
    leaf(group, "codes", lang, click.Argument(["table"], required=False))(_codes)


def _codes(show: Show, *, table: str | None) -> int:
    from gateway.lift_codes import known_tables, load

    tables = [load(name) for name in ([table] if table else known_tables())]
    if show.as_json:
        show.document(_document(tables[0]) if table else [_heading(one) for one in tables])
    elif table:
        show.line(show.words("cli.lift_codes.source", source=tables[0].source))
        show.table(_ROWS, [_row(show, one) for one in tables[0].rows])
    else:
        shown = [
            [one.name, _said(show, one.label.model_dump()), show.words(f"evidence.{one.evidence}")] for one in tables
        ]
        show.table(_TABLES, shown)
    return Exit.OK


def _row(show: Show, one: "Source") -> list[str]:
    from gateway.lift_codes import names

    row = one.row
    name = _said(show, names(row.what)[row.code])
    return [row.raw, show.words(f"cli.lift_codes.{row.what}"), row.code, name, show.words(f"evidence.{one.evidence}")]


def _heading(table: "Table") -> dict[str, Any]:
    about = {"name": table.name, "version": table.version, "label": table.label.model_dump()}
    return {**about, "evidence": table.evidence, "source": table.source}


def _document(table: "Table") -> dict[str, Any]:
    rows = [{**one.row.model_dump(), "evidence": one.evidence, "source": one.source} for one in table.rows]
    return {**_heading(table), "rows": rows}


def _said(show: Show, words: dict[str, str]) -> str:
    return words["zh" if show.lang.startswith("zh") else "en"]
