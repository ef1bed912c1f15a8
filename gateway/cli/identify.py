"""`doorpost identify`: what codes and tags are, without a daemon and without a network."""

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, leaf
from gateway.cli.show import Show
from model.texts import advice, text

if TYPE_CHECKING:
    from gateway.code_names import Words
    from gateway.codes import Codes
    from traceability.finding import Candidate, Finding
    from traceability.ranking import Answer
    from traceability.schemes.table import Table

_WRITTEN_GS = ("{GS}", "<GS>", "␝")
"""How people write the separator that no keyboard has."""

_KEYS = {"scan", "epc", "pc", "aim", "readpoint", "id"}
_HALF = re.compile("[\ud800-\udfff]")
"""Of a surrogate pair: UTF-8 has no form of it, and a program that reads our lines may end at one."""

_LINE_MAX = 1 << 20
"""Bytes of a line that are looked at: a code of 8 KB with each character escaped is far below."""
_SHOWN = 80
"""Characters of what is quoted in a message."""


def add(root: click.Group, lang: str) -> None:
    codes = click.Argument(["codes"], metavar="[CODE]...", nargs=-1)
    epc = click.Option(["--epc"], metavar="HEX", help=text("cli.option.epc", lang))
    pc = click.Option(["--pc"], metavar="HEX", help=text("cli.option.pc", lang))
    aim = click.Option(["--aim"], help=text("cli.option.aim", lang))
    readpoint = click.Option(["--readpoint"], help=text("cli.option.readpoint", lang))
    table = click.Option(
        ["--codes", "table"], type=click.Path(path_type=Path, readable=False), help=text("cli.option.codes", lang)
    )
    leaf(root, "identify", lang, codes, aim, epc, pc, readpoint, table)(_identify)


def _identify(
    show: Show,
    *,
    codes: tuple[str, ...],
    aim: str | None,
    epc: str | None,
    pc: str | None,
    readpoint: str | None,
    table: Path | None,
) -> int:
    """What the command line asks is told to a person, or with `--json`; lines of JSON from standard input in lines of JSON."""
    from gateway.codes import Codes

    known = Codes(table, tell=Show(show.lang, as_json=False).error)  # beside the answers
    asked: list[dict[str, Any]] = [{"scan": _typed(code), "aim": aim} for code in codes]
    asked += [{"epc": epc, "pc": pc}] if epc is not None else []
    if not asked:
        defaults = {"aim": aim, "readpoint": readpoint}
        for line in _lines():
            _write(_answered(line, known, defaults))
        return Exit.OK
    documents = [_asked({"readpoint": readpoint} | one, known) for one in asked]
    for document in documents:
        if show.as_json:
            _write(document)
        else:
            _tell(show, document, known.current())
    return Exit.PROBLEM if any(document["verdict"] == "invalid" for document in documents) else Exit.OK


def _typed(code: str) -> str:
    for written in _WRITTEN_GS:
        code = code.replace(written, "\x1d")
    return code


def _lines() -> Iterator[bytes]:
    """Of standard input; of one that is too long only its beginning, which is no JSON."""
    if sys.stdin is None:  # closed by who started us
        return
    while line := sys.stdin.buffer.readline(_LINE_MAX):
        yield line
        while len(line) == _LINE_MAX and not line.endswith(b"\n"):
            line = sys.stdin.buffer.readline(_LINE_MAX)


def _answered(line: bytes, known: "Codes", defaults: dict[str, str | None]) -> dict[str, Any]:
    """What one line asks; null is asking for the default. A line that asks nothing gets an answer too, so that answers and lines
    stay side by side.
    """
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        return _refused({}, "line_not_understood")
    return _asked(asked | {key: value for key, value in defaults.items() if asked.get(key) is None}, known)


def _asked(asked: dict[str, Any], known: "Codes") -> dict[str, Any]:
    from traceability import identify

    scan, epc, pc, aim, readpoint = (asked.get(name) for name in ("scan", "epc", "pc", "aim", "readpoint"))
    if not all(one is None or isinstance(one, str) for one in (scan, epc, pc, aim, readpoint)):
        return _refused(asked, "line_not_understood")
    year = datetime.now().astimezone().year
    table = known.current()
    if scan is not None and epc is None:
        return _document(asked, identify.scan(scan, aim, table, readpoint, year), table)
    if epc is not None and scan is None:
        return _document(asked, identify.tag(epc, pc, table, readpoint, year), table)
    return _refused(asked, "line_not_understood" if scan is None else "asked_twice")


def _refused(asked: dict[str, Any], code: str) -> dict[str, Any]:
    from traceability.finding import Finding, Verdict
    from traceability.ranking import Answer

    return _document(asked, Answer(Verdict.INVALID, findings=(Finding(code),)))


def _document(asked: dict[str, Any], answer: "Answer", table: "Table | None" = None) -> dict[str, Any]:
    """For programs: what was asked, and by which name; what the best candidate says, if one is the best; then all of them, the
    best first.
    """
    candidates = [_candidate(candidate, table) for candidate in answer.candidates] if table else []
    best = candidates[answer.candidates.index(answer.best)] if answer.best else {}
    return {
        **({"id": asked["id"]} if "id" in asked else {}),
        "raw": next((asked[key] for key in ("scan", "epc") if isinstance(asked.get(key), str)), None),
        "verdict": answer.verdict,
        "scheme": best.get("scheme"),
        "canonical_uri": best.get("canonical_uri"),
        "level": best.get("level"),
        "elements": best.get("elements", []),
        "epc": best.get("epc"),
        "messages": [_message(finding) for finding in (*answer.findings, *_overlooked(asked))],
        "candidates": candidates,
    }


def _overlooked(asked: dict[str, Any]) -> tuple["Finding", ...]:
    """A key that is none here may be a misspelt one."""
    from traceability.finding import Finding, Grade

    keys = ", ".join(sorted(asked.keys() - _KEYS))
    return (Finding("key_unknown", Grade.NOTE, {"keys": keys}),) if keys else ()


def _candidate(candidate: "Candidate", table: "Table") -> dict[str, Any]:
    from gateway.code_names import part, scheme

    identity = candidate.identity
    parts = {
        name: part(table, candidate.scheme, name) for one in candidate.findings if (name := one.params.get("field"))
    }
    return {
        "scheme": candidate.scheme,
        "label": dict(scheme(table, candidate.scheme)),
        "verdict": candidate.verdict,
        "sureness": candidate.sureness,
        "evidence": candidate.evidence,
        "canonical_uri": identity and identity.uri,
        "level": identity and identity.level,
        "class_uri": identity and identity.class_uri,
        "lot_uri": identity and identity.lot_uri,
        "elements": candidate.elements,
        "fields": dict(candidate.fields),
        "epc": candidate.epc,
        "checks": [_message(finding, parts.get(finding.params.get("field", ""))) for finding in candidate.findings],
    }


def _message(finding: "Finding", field: "Words | None" = None) -> dict[str, Any]:
    """With its words in both languages, since a centre shows them to people of its own. `field`: what its part is called."""
    named = (field["zh"], field["en"]) if field else None
    params = tuple((key, _quoted(value)) for key, value in finding.params.items())
    return _worded(finding.code, finding.grade, params, named)


def _quoted(value: str) -> str:
    return value if len(value) <= _SHOWN else value[:_SHOWN] + "…"


@lru_cache(maxsize=1000)
def _worded(
    code: str, grade: str, params: tuple[tuple[str, str], ...], field: tuple[str, str] | None
) -> dict[str, Any]:
    said, filled = f"code.{code}", dict(params)
    told = {lang: filled | ({"field": field[at]} if field else {}) for at, lang in enumerate(("zh", "en"))}
    words = {lang: text(said, lang, **of) for lang, of in told.items()}
    hints = {f"hint_{lang}": advice(said, lang, **of) for lang, of in told.items()}
    return {"code": code, "grade": grade, "params": filled} | words | {k: v for k, v in hints.items() if v}


def _write(document: dict[str, Any]) -> None:
    """One line, which any program can read."""
    line = json.dumps(document, ensure_ascii=False)
    sys.stdout.buffer.write(_HALF.sub("\ufffd", line).encode() + b"\n")
    sys.stdout.buffer.flush()


def _tell(show: Show, document: dict[str, Any], table: "Table") -> None:
    """For a person: the verdict, what it is, its parts, and what speaks against it with what to do."""
    show.line(f"{show.words('identify.' + document['verdict'])}  {document['canonical_uri'] or document['raw']}")
    lang = "zh" if show.lang.startswith("zh") else "en"
    for at, candidate in enumerate(document["candidates"]):
        verdict = show.words("identify." + candidate["verdict"])
        show.line(f"  {candidate['label'][lang]} ({candidate['scheme']})  {verdict}")
        if not at or candidate["verdict"] != "invalid":
            for line in _parts(show, candidate, table, lang):
                show.line(f"    {line}")
        _advise(show, candidate["checks"], lang, "    ")
    _advise(show, document["messages"], lang, "  ")


def _parts(show: Show, candidate: dict[str, Any], table: "Table", lang: str) -> Iterator[str]:
    from gateway.code_names import part, title

    yield from (f"({ai}) {value}  {title(ai, lang)}".rstrip() for ai, value in candidate["elements"])
    for name, value in candidate["fields"].items():
        yield show.words("identify.part", name=part(table, candidate["scheme"], name)[lang], value=value)
    if candidate["level"]:
        yield show.words("identify.level", level=show.words(f"name.level.{candidate['level']}"))
    if candidate["epc"]:
        yield show.words("identify.epc", epc=candidate["epc"])


def _advise(show: Show, messages: list[dict[str, Any]], lang: str, indent: str) -> None:
    for message in messages:
        if message["grade"] == "passed":
            continue
        show.line(f"{indent}{message[lang]}")
        if hint := message.get(f"hint_{lang}"):
            show.line(f"{indent}→ {hint}")
