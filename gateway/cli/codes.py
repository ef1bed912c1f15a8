"""`doorpost codes`: the table of code schemes and read points."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, branch, leaf
from gateway.cli.show import Show
from model.errors import SettingsError

if TYPE_CHECKING:  # heavy: it is loaded with the command that needs it
    from gateway.code_names import Words
    from traceability.schemes.rows import ReadPointRow, SchemeRow, UrlRow
    from traceability.schemes.table import Table

_SCHEMES = ("cli.column.scheme", "cli.column.label", "cli.column.evidence")
_READPOINTS = ("cli.column.readpoint", "cli.column.label", "cli.column.expects")


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "codes", lang)
    file = click.Argument(["file"], type=click.Path(path_type=Path, readable=False))
    name = click.Argument(["name"])
    own = click.Option(
        ["--codes", "own"],
        type=click.Path(path_type=Path, readable=False),
        help=Show(lang, as_json=False).words("cli.option.codes"),
    )

    @leaf(group, "check", lang, file)
    def check(show: Show, *, file: Path) -> int:
        from gateway.codes import table

        return _check(show, file, table(file))

    @leaf(group, "list", lang, own)
    def list_(show: Show, *, own: Path | None) -> int:
        from gateway.codes import table

        return _list(show, table(own))

    @leaf(group, "show", lang, name, own)
    def show_(show: Show, *, name: str, own: Path | None) -> int:
        return _show(show, name, own)


def _check(show: Show, file: Path, table: "Table") -> int:
    whole = table.file
    if show.as_json:
        names = {"schemes": [row.name for row in whole.scheme], "urls": [row.name for row in whole.url]}
        show.document({"file": str(file), **names, "readpoints": list(whole.readpoint)})
        return Exit.OK
    counts = {"schemes": len(whole.scheme), "urls": len(whole.url), "readpoints": len(whole.readpoint)}
    show.line(show.words("cli.codes_check.right", file=file, enabled=len(table.schemes), **counts))
    return Exit.OK


def _list(show: Show, table: "Table") -> int:
    from gateway.code_names import built_in, words_of

    points = table.file.readpoint
    if show.as_json:
        given = [{"name": name, "label": words} for name, words in built_in().items()]
        rows = [_summary(row) for row in table.rows.values()]
        points_told = [{"name": name, **_point(row)} for name, row in points.items()]
        show.document({"schemes": rows, "built_in": given, "readpoints": points_told})
        return Exit.OK
    shown = [[row.name, _state(show, row), show.words(f"evidence.{row.evidence}")] for row in table.rows.values()]
    shown += [[name, _said(show, words), show.words("cli.codes_list.built_in")] for name, words in built_in().items()]
    show.table(_SCHEMES, shown)
    show.line("")
    show.table(
        _READPOINTS, [[name, _said(show, words_of(row.label)), " ".join(row.expect)] for name, row in points.items()]
    )
    return Exit.OK


def _show(show: Show, name: str, own: Path | None) -> int:
    """From the own table, else from that which ships, with its comments; what is built in has a sentence."""
    from gateway.code_names import built_in
    from gateway.codes import table
    from model.shipped import shipped

    known = table(own)
    row = known.rows.get(name) or known.file.readpoint.get(name)
    if row is None:
        return _show_built_in(show, name, built_in(), {*known.rows, *known.file.readpoint})
    if show.as_json:
        import msgspec

        show.document(msgspec.to_builtins(row))
        return Exit.OK
    for file in filter(None, (own, shipped("codes", "schemes.toml"))):
        if source := _source(file.read_text(encoding="utf-8-sig"), name):
            show.line(source)
            break
    return Exit.OK


def _show_built_in(show: Show, name: str, given: dict[str, "Words"], others: set[str]) -> int:
    if name not in given:
        from gateway.settings.explain import closest

        if similar := closest(name, {*given, *others}):
            raise SettingsError("codes_row_misspelt", name=name, similar=similar)
        raise SettingsError("codes_row_unknown", name=name)
    if show.as_json:
        show.document({"name": name, "label": given[name], "built_in": True})
    else:
        show.line(show.words("cli.codes_show.built_in", name=name, label=_said(show, given[name])))
    return Exit.OK


def _source(text: str, name: str) -> str:
    """The lines of a row, from its heading to the next one or to an empty line."""
    import tomllib

    from gateway.settings.locate import locate

    data = tomllib.loads(text)
    lines = locate(text)
    heads = {lines["readpoint", name]} if name in data.get("readpoint", {}) else set()
    for kind in ("scheme", "url"):
        heads |= {lines[kind, index] for index, row in enumerate(data.get(kind, ())) if row["name"] == name}
    source = text.replace("\r\n", "\n").split("\n")
    taken: list[str] = []
    for line in source[min(heads) - 1 :] if heads else ():
        if taken and (not line.strip() or line.startswith("[")):
            break
        taken.append(line)
    return "\n".join(taken)


def _summary(row: "SchemeRow | UrlRow") -> dict[str, Any]:
    label = {"zh": row.label.zh, "en": row.label.en}
    told = {"evidence": row.evidence, "source": row.source, "enabled": row.enabled}
    return {"name": row.name, "label": label, **told}


def _point(row: "ReadPointRow") -> dict[str, Any]:
    label = {"zh": row.label.zh, "en": row.label.en}
    return {"label": label, "evidence": row.evidence, "expect": list(row.expect), "lenient": list(row.lenient)}


def _state(show: Show, row: "SchemeRow | UrlRow") -> str:
    from gateway.code_names import words_of

    label = _said(show, words_of(row.label))
    return label if row.enabled else show.words("cli.codes_list.off", label=label)


def _said(show: Show, words: "Words") -> str:
    return words["zh" if show.lang.startswith("zh") else "en"]
