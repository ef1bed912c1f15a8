"""Rows of a site's own table: what would give two things one identity, or none a URI, is told; what is taken can be used."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from gateway.codes import shipped_codes, table
from gateway.settings.codes import load
from gateway.settings.problem import Problem, SettingsInvalid
from traceability import identify
from traceability.finding import Sureness
from traceability.schemes.match import matches
from traceability.schemes.rows import SchemeRow

CODES = Path(__file__).parents[1] / "cases" / "codes"
CASES = [json.loads(line) for line in (CODES / "schemes.jsonl").read_text(encoding="utf-8").splitlines()]
ROW = """schema = 1
[[scheme]]
name = "site.box"
label = { zh = "箱", en = "box" }
pattern = 'B(?P<number>\\d{4})(?P<year>\\d\\d)'
"""
URL = """schema = 1
[[url]]
name = "url.site"
label = { zh = "本站", en = "site" }
host = "t.example"
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((ROW.replace("site.box", name), "scheme_name_reserved") for name in ("gs1.gtin", "epc.x", "url.x")),
        *((f"{ROW}{key} = '{uri}'\n", "scheme_uri_gs1")
          for key in ("uri", "class_uri") for uri in ("https://id.gs1.org/01/{code}", "http://ID.gs1.org:80/{code}")),
        ('schema = 1\nnamespace = "https://id.gs1.org/x"\n', "scheme_uri_gs1"),
        ('schema = 1\nnamespace = "https://x.example/a/../b"\n', "setting_namespace"),
        ('schema = 1\nnamespace = "https://浙.example"\n', "setting_namespace"),
        ('schema = 1\nnamespace = "https://x.example/<a>"\n', "setting_namespace"),
        (f"{ROW}uri = 'box/constant'\n", "scheme_uri_constant"),
        (f"{ROW}uri = 'box/{{code}}'\nlot_uri = 'box/lot'\n", "scheme_uri_constant"),
        *((f"{ROW}uri = '{uri}'\n", "scheme_uri_bad")
          for uri in ("a<b/{code}", "a>/{code}", "a%/{code}", "a%2x/{code}", "a b/{code}", 'a"/{code}', "a\\b/{code}", "箱/{code}",
                      "a/{{code}}", "a/{{{code}}}", "../a/{code}", "a/./{code}", "a/%2E%2e/{code}", "a/..", "/a/{code}", "//x/{code}",
                      "javascript:alert({code})", "JavaScript:{code}", "ftp://x/{code}", "URN:oid:{code}", "https://{code}/a",
                      "https://x{code}/a", "https://u@x/{code}", "a/{code!r}", "a/{}")),
        *((f"{ROW}checks = [{{ check = '{check}', group = 'number', values = ['1', ''] }}]\n", "setting_too_short")
          for check in ("one_of", "starts_with", "region")),
        (f"{ROW}checks = [{{ check = 'date', group = 'year', format = 'YY', since = 1899 }}]\n", "setting_at_least"),
        (f"{ROW}checks = [{{ check = 'date', group = 'year', format = 'YY', since = 2101 }}]\n", "setting_at_most"),
        (f"{ROW}checks = [1]\n", "scheme_checks_shape"),
        (f"{ROW}checks = {{ check = 'luhn', group = 'code' }}\n", "scheme_checks_shape"),
        (f"{ROW}labels = ['']\n", "setting_too_short"),
        ("schema = 1\n[readpoint.lift]\nexpect = []\n", "setting_too_few"),
        (f"{URL}path = '/t/(?P<serial>[0-9]{{8}})'\n", "scheme_url_nameless"),
        (ROW.replace("\\d{4}", "a{4294967294}"), "scheme_pattern_heavy"),
        (f"{ROW}uri = 'url.site/{{code}}'\n" + URL.removeprefix("schema = 1") + "path = '/(?P<code>a)'\n", "scheme_uri_shared"),
        (f"{ROW}uri = 'drug/{{number}}{{year}}'\n", "scheme_uri_shared"),
    ],
)  # fmt: skip
def test_rows_that_would_give_bad_identities(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "codes.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load(path, shipped_codes())
    assert [problem.error.code for problem in caught.value.problems] == [code]


@pytest.mark.parametrize(
    "uri",
    ["box/{code}", "box/{number}/{year}", "urn:oid:1.2.156.{number}", "https://x.example:8443/b?c={code}#{year}",
     "a%20b/{code}", "{code}", "https://id.GS1.org.example/{code}"],
)  # fmt: skip
def test_templates_that_are_right(tmp_path: Path, uri: str) -> None:
    path = tmp_path / "codes.toml"
    path.write_text(f"{ROW}uri = '{uri}'\n", encoding="utf-8")
    (made,) = matches(table(path), "B123426", None, 2026)
    assert made.identity
    if uri.endswith("/{code}"):
        best = identify.scan(made.identity.uri, None, table(path), None, 2026).best
        assert best == made._replace(sureness=Sureness.CHECKED)
    assert "{" not in made.identity.uri


def test_what_a_hint_shows_is_right(tmp_path: Path) -> None:
    """Of checks in a wrong shape: as it stands in the hint it is taken."""
    path = tmp_path / "codes.toml"
    path.write_text(f"{ROW}checks = [1]\n", encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load(path, shipped_codes())
    shown = "\n".join(caught.value.problems[0].told("en")).split("`")[1]
    path.write_text(f"{ROW}{shown}\n", encoding="utf-8")
    load(path, shipped_codes())


@settings(max_examples=60)
@given(st.sampled_from([one for one in CASES if one["uri"] and one["uri"].startswith("https://ns.")]))
def test_a_uri_of_the_table_is_a_fixed_point(case: dict[str, str]) -> None:
    """Where its template has the whole code behind a place of its own: it is what the code itself is."""
    ships = table(None)
    row = ships.file.scheme[[one.name for one in ships.file.scheme].index(case["scheme"])]
    best = identify.scan(case["uri"], None, ships, None, 2026).best
    if not row.uri.endswith("/{code}"):
        assert best is None
        return
    assert best
    assert best.identity
    assert (best.scheme, best.sureness, best.identity.uri) == (case["scheme"], Sureness.CHECKED, case["uri"])
    again = identify.scan(best.identity.uri.rpartition("/")[2], None, ships, None, 2026)
    assert best.fields in [one.fields for one in again.candidates]


_ANY = ["1", "true", "1.0", "nan", '""', '"]Q"', "[]", "[1]", '[""]', "[{}]", "{}", "{ a = 1 }", "12:00:00", "1e400"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from([field.name for field in fields(SchemeRow)]), st.sampled_from(_ANY))
@example("checks", "{}")
@example("name", "{}")
@example("name", "[1]")
@example("source", "12:00:00")
def test_a_key_may_be_anything(tmp_path: Path, key: str, value: str) -> None:
    """Whatever TOML has: either it is right, or the problem is told; what the check lets pass can be used."""
    row = {
        "name": "'site.a'",
        "label": "{ zh = '箱', en = 'box' }",
        "pattern": "'a(?P<b>[0-9])'",
        "uri": "'a/{b}'",
        key: value,
    }
    path = tmp_path / "codes.toml"
    path.write_text("schema = 1\n[[scheme]]\n" + "".join(f"{a} = {b}\n" for a, b in row.items()), encoding="utf-8")
    problems: list[Problem] = []
    try:
        matches(table(path), "a1", None, 2026)
    except SettingsInvalid as err:
        problems = err.problems
    assert all(problem.told("en") and problem.told("zh-CN") for problem in problems)
