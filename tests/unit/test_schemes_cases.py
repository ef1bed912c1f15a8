"""Codes outside of GS1: each made-up code of tests/cases/codes has the answer that stands beside it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codes import shipped_codes
from model.texts import words
from traceability import identify
from traceability.finding import Grade, Verdict
from traceability.schemes.checks import KINDS
from traceability.schemes.match import matches
from traceability.schemes.table import compile_table

ROOT = Path(__file__).parents[2]
CASES = [
    json.loads(line)
    for line in (ROOT / "tests" / "cases" / "codes" / "schemes.jsonl").read_text(encoding="utf-8").splitlines()
]
TABLE = compile_table(shipped_codes())
EVERYTHING = compile_table(
    {**shipped_codes(), "scheme": [{**row, "enabled": True} for row in shipped_codes()["scheme"]]}
)
YEAR = 2026


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_each_code_is_answered_as_expected(case: dict[str, Any]) -> None:
    """Verdict, scheme and URI, and what is told beside what is right."""
    answer = identify.scan(case["scan"], case["aim"], TABLE, case["readpoint"], YEAR)
    best = answer.best
    told = {
        finding.code
        for finding in (*answer.findings, *(best.findings if best else ()))
        if finding.grade in (Grade.WARNING, Grade.FAILED) or finding.code == "unknown_code"
    }
    assert {
        "verdict": answer.verdict,
        "scheme": best.scheme if best else None,
        "uri": best.identity.uri if best and best.identity else None,
        "findings": sorted(told),
    } == {key: case[key] for key in ("verdict", "scheme", "uri", "findings")}


def test_the_cases_meet_every_scheme_and_every_finding() -> None:
    """A scheme that ships enabled is met right; each check fails somewhere."""
    assert {case["scheme"] for case in CASES if case["verdict"] == "valid"} >= {scheme.name for scheme in TABLE.schemes}
    failing = {code for case in CASES for code in case["findings"]}
    assert {kind.wrong for kind in KINDS.values()} <= failing
    assert {kind.right for kind in KINDS.values()} | {kind.wrong for kind in KINDS.values()} <= set(words("code"))


def test_what_ships_says_how_well_it_is_known() -> None:
    """Each row has its evidence and source, and nothing that is not known is switched on. No host is invented."""
    for row in shipped_codes()["scheme"]:
        assert row["evidence"] in {"found", "memory", "unknown"}, row["name"]
        assert row["source"], row["name"]
        assert row["evidence"] != "unknown" or row["enabled"] is False, row["name"]
    assert {row["evidence"] for row in shipped_codes()["readpoint"].values()} == {"proposed"}
    assert "url" not in shipped_codes()


@given(st.text() | st.from_regex(r"(SC)?[0-9]{10,34}", fullmatch=True), st.sampled_from([None, "]C0", "]Q1", "]d1"]))
def test_any_text_has_an_answer(text: str, aim: str | None) -> None:
    """Also with all schemes switched on; the same again, and a wrong one says what is wrong."""
    found = matches(EVERYTHING, text, aim, YEAR)
    assert found == matches(EVERYTHING, text, aim, YEAR)
    for candidate in found:
        assert candidate.findings or candidate.verdict is Verdict.VALID
        assert candidate.identity is None or candidate.identity.uri.isprintable()


def _texts(name: str) -> st.SearchStrategy[str]:
    pattern = next(row["pattern"] for row in shipped_codes()["scheme"] if row["name"] == name)
    return st.from_regex(pattern.replace("}+", "}"), fullmatch=True)


@settings(max_examples=20)
@given(
    st.sampled_from([row["name"] for row in shipped_codes()["scheme"]]).flatmap(
        lambda n: _texts(n).map(lambda t: (n, t))
    )
)
def test_two_codes_never_share_an_identity(drawn: tuple[str, str]) -> None:
    """The URI of an instance holds all that tells it apart: another text of the same scheme has another URI."""
    name, text = drawn
    by_uri: dict[str, str] = {}
    for one in (text, text[:-1] + chr(ord(text[-1]) ^ 1)):
        for candidate in matches(EVERYTHING, one, None, YEAR):
            if candidate.scheme == name and candidate.identity and name not in {"cn.seed", "cn.udi_ma"}:
                assert by_uri.setdefault(candidate.identity.uri, one) == one


def test_the_file_is_valid_toml_with_rows_in_one_place() -> None:
    """No name stands twice."""
    rows = tomllib.loads((ROOT / "config" / "codes" / "schemes.toml").read_text(encoding="utf-8"))["scheme"]
    assert len({row["name"] for row in rows}) == len(rows)
