"""`doorpost codes` and the table that a gateway works with: a site's own over the one that ships, checked whole, read again."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli import main
from gateway.code_names import built_in, part, title
from gateway.codes import Codes, shipped_codes, table
from gateway.settings.codes import load
from gateway.settings.problem import Problem, SettingsInvalid
from support.catalogue import catalogue
from traceability.epc.keys import KEYS
from traceability.finding import Sureness
from traceability.gs1.dates import NAMES as DATES
from traceability.gs1.table import covers
from traceability.gs1.table import table as ais
from traceability.identity import GS1_SCHEMES
from traceability.schemes.match import matches
from traceability.schemes.table import Table

CASE = Path(__file__).parents[1] / "cases" / "codes" / "wrong-table"
_NO_CAPABILITY = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root may read anything unless it cannot."""
CYLINDER = """schema = 1
namespace = "https://ns.site.example"

[[scheme]]
name = "cn.cylinder"
enabled = true
pattern = '(?P<station>33\\d{2})(?P<number>\\d{8})'

[[scheme]]
name = "site.crate"
label = { zh = "周转箱", en = "crate" }
pattern = 'K(?P<digits>\\d{7})'
checks = [{ check = "luhn", group = "digits" }]
uri = "crate/{digits}"

[[url]]
name = "url.site"
label = { zh = "本站", en = "own site" }
host = "t.site.example"
path = '/c/(?P<code>[0-9A-Z]{8})'

[readpoint.lift]
expect = ["cn.equipment", "site.*"]
"""


def run(capsys: pytest.CaptureFixture[str], *args: str, group: str = "codes") -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([group, *args])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "codes.toml"
    path.write_text(CYLINDER, encoding="utf-8")
    return path


def uris(table: Table, text: str) -> dict[str, str | None]:
    return {one.scheme: one.identity.uri if one.identity else None for one in matches(table, text, None, 2026)}


def test_all_that_is_wrong_is_told_with_line_and_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of `expected.txt`; in Chinese too there are words for each."""
    monkeypatch.chdir(CASE)
    code, out, err = run(capsys, "check", "codes.toml", "--lang", "en")
    assert (code, out) == (78, "")
    assert err == Path("expected.txt").read_text(encoding="utf-8")
    told = json.loads(run(capsys, "check", "codes.toml", "--json", "--lang", "zh")[1])["problems"]
    assert all(problem["line"] and problem["source"] and problem["hint"] for problem in told)
    assert not any("error." in problem["text"] or "…" in problem["text"] + problem["hint"] for problem in told)


def test_a_table_of_ones_own_lies_over_the_one_that_ships(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a row does not say stays as it ships; the namespace is the site's; new rows come beside."""
    code, out, err = run(capsys, "check", str(own), "--lang", "en")
    assert (code, err) == (0, "")
    assert "web addresses: 1" in out
    table = Codes(own).current()
    assert uris(table, "330112345678") == {"cn.cylinder": "https://ns.site.example/cylinder/330112345678"}
    assert uris(table, "K7992739") == {}
    assert uris(Codes(None).current(), "330112345678") == {}
    drug = "https://ns.site.example/drug/81000010000000012345"
    assert uris(table, "81000010000000012345") == {"cn.drug": drug}
    assert table.readpoints["lift"].schemes == ("cn.equipment", "site.*")
    assert [row.name for row in table.urls] == ["url.site"]
    listed = json.loads(run(capsys, "list", "--codes", str(own), "--json")[1])
    assert {row["name"]: row["enabled"] for row in listed["schemes"]}["cn.cylinder"] is True


def test_the_page_shows_a_table_that_is_right(tmp_path: Path) -> None:
    """The example of docs/codes.md, as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "codes.md").read_text(encoding="utf-8")
    path = tmp_path / "codes.toml"
    path.write_text(textwrap.dedent("   " + page.split("```toml\n   ")[1].split("```")[0]), encoding="utf-8")
    table = Codes(path).current()
    assert uris(table, "330126011234") == {"site.cylinder": "https://ns.example.cn/cylinder/330126011234"}
    assert uris(table, "330681") == {"cn.lift_number": "https://ns.example.cn/lift/330681"}
    assert re.findall(r"^\| `(\w+)` \|", page.split("## How sure")[1], re.MULTILINE) == list(Sureness)


def test_what_ships_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    """By the check that a site's own table goes through; with a row of each kind shown as it stands."""
    shipped = Path(__file__).parents[2] / "config" / "codes" / "schemes.toml"
    load(shipped, {})
    assert run(capsys, "show", "cn.drug")[1].startswith('[[scheme]]\nname = "cn.drug"\n')
    assert run(capsys, "show", "lift")[1].startswith("[readpoint.lift]\n")
    assert json.loads(run(capsys, "show", "cn.uscc", "--json")[1])["checks"][-1] == {"check": "uscc", "group": "code"}
    assert run(capsys, "show", "cn.nothing", "--lang", "en")[0] == 78
    out = run(capsys, "list", "--lang", "zh")[1]
    assert "药品追溯码" in out
    assert "pharmacy" in out


def test_a_row_is_shown_from_ones_own_table(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "K(?P<digits>" in run(capsys, "show", "site.crate", "--codes", str(own))[1]
    assert run(capsys, "show", "cn.cylinder", "--codes", str(own))[1].count("\n") == 4


def test_the_check_of_settings_looks_at_the_table_beside_them(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both right; with the table wrong, or the settings too, all problems stand together."""
    site = own.with_name("site.toml")
    example = Path(__file__).parents[2] / "config" / "examples" / "one-probe.toml"
    site.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")

    def checked(*args: str) -> tuple[int, str, str]:
        return run(capsys, "check", str(site), "--lang", "en", *args, group="config")

    code, out, _ = checked()
    assert (code, f"{own}, the table of codes beside it, is right." in out) == (0, True)
    assert json.loads(checked("--json")[1])["codes"] == str(own)
    own.write_text(CYLINDER.replace("luhn", "luhm"), encoding="utf-8")
    code, _, err = checked()
    assert (code, f"{own}:13: scheme site.crate: checks[0].check:" in err) == (78, True)
    site.write_text("schema = 1\n", encoding="utf-8")
    code, _, err = checked()
    assert (code, f"{own}:13:" in err, f"{site}:1: the table [gateway] is missing" in err) == (78, True, True)
    own.unlink()
    site.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    assert json.loads(checked("--json")[1])["codes"] is None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe", "settings_not_utf8"),
        (b"schema = 1\n[[scheme]\n", "settings_not_toml"),
        (b"schema = 1\nscheme = " + b"[" * 5000, "settings_too_deep"),
        (b"schema = " + b"9" * 5000, "settings_number_too_long"),
        (b"", "setting_missing"),
        (b"schema = 2\n", "setting_not_one_of"),
        (b"schema = true\n", "setting_not_one_of"),
        (b"schema = 1.0\n", "setting_not_one_of"),
        (b"schema = 1\n[[scheme]]\nname = 'cn.drug'\nsource = 2026-01-01\n", "setting_not_text"),
        (b"schema = 1\nx." + b"a." * 5000 + b"a = 1\n", "settings_too_deep"),
        (b"schema = 1\nscheme = 5\n", "setting_not_list"),
        (b"schema = 1\n[scheme]\nname = 'a'\n", "setting_not_many"),
        (b"schema = 1\nreadpoint = [1]\n", "setting_not_table"),
        (b"schema = 1\n[readpoint]\ndoor = 1\n", "setting_not_table"),
    ],
)
def test_files_that_are_wrong_as_a_whole(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "codes.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsInvalid) as caught:
        load(path, shipped_codes())
    assert [problem.error.code for problem in caught.value.problems] == [code]


def test_a_file_that_is_not_there_or_none(tmp_path: Path) -> None:
    """A folder, or a pipe that nobody writes into."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing.toml", tmp_path, tmp_path / "pipe"):
        with pytest.raises(SettingsInvalid) as caught:
            load(path, shipped_codes())
        assert [problem.error.code for problem in caught.value.problems] == ["codes_unreadable"]


def test_a_file_that_must_not_be_read(own: Path) -> None:
    """For each command it is told in our words: no wrong use of the command."""
    own.chmod(0)
    for command in (["codes", "check", str(own)], ["codes", "list", "--codes", str(own)]):
        done = subprocess.run(
            [*_NO_CAPABILITY, sys.executable, "-m", "gateway.cli", *command, "--json"],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 78
        assert json.loads(done.stdout)["problems"][0]["code"] == "codes_unreadable"


def test_settings_in_a_folder_that_must_not_be_looked_into(tmp_path: Path) -> None:
    """Whether a table is beside them cannot be seen then, and the settings are the one problem."""
    (tmp_path / "locked").mkdir(mode=0)
    command = [*_NO_CAPABILITY, sys.executable, "-m", "gateway.cli", "config", "check", "locked/site.toml", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 78
    assert [problem["code"] for problem in json.loads(done.stdout)["problems"]] == ["settings_unreadable"]


MISTAKES = """schema = 1

[[scheme]]
name = "cn.lift_numbr"
enabled = true
pattern = '['

[[scheme]]
name = "Site.Crate"
label = { zh = "箱" }
pattern = 'K\\d{7}'
parts = { nummer = { zh = "号", en = "number" } }

[readpoint.gate]
label = { zh = "门", en = "gate" }
expect = ["gs1.gtn", "epc.", "epc.*", "url.*", "url.x", "site.crate"]
"""


def test_what_was_perhaps_meant(tmp_path: Path) -> None:
    """A row that only changes one that ships, by a wrong name; built-in names; never a name that is itself refused."""
    path = tmp_path / "codes.toml"
    path.write_text(MISTAKES, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load(path, shipped_codes())
    assert [(problem.error.code, problem.similar) for problem in caught.value.problems] == [
        ("scheme_row_unknown", "cn.lift_number"),
        ("scheme_pattern_bad", None),
        ("setting_scheme_name", None),
        ("setting_brace_missing", None),
        ("scheme_group_unknown", None),
        ("readpoint_scheme_unknown", "gs1.gtin"),
        ("readpoint_scheme_unknown", "epc.*"),
        ("readpoint_scheme_unknown", "url.*"),
        ("readpoint_scheme_unknown", None),
    ]


def test_two_kinds_of_things_never_get_one_identity(tmp_path: Path) -> None:
    """Of schemes in use: a place below the namespace is that of one, whatever its parts are called."""
    path = tmp_path / "codes.toml"
    other = (
        CYLINDER + "[[scheme]]\nname = 'site.box'\nlabel = { zh = '箱', en = 'box' }\npattern = 'B(?P<number>\\d)'\n"
    )
    path.write_text(other + "uri = 'crate/{number}'\n", encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load(path, shipped_codes())
    (problem,) = caught.value.problems
    assert (problem.error.code, problem.error.params["name"], problem.source) == (
        "scheme_uri_shared",
        "site.crate",
        "uri = 'crate/{number}'",
    )
    path.write_text(other + "uri = 'crate/{number}'\nenabled = false\n", encoding="utf-8")
    load(path, shipped_codes())
    path.write_text(other + "uri = 'urn:oid:{number}'\n", encoding="utf-8")  # what is whole is somebody else's place
    load(path, shipped_codes())


def test_a_backslash_between_double_quotes_has_its_hint(tmp_path: Path) -> None:
    path = tmp_path / "codes.toml"
    path.write_text('schema = 1\n[[scheme]]\nname = "a"\npattern = "\\d{6}"\n', encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load(path, shipped_codes())
    assert [(one.error.code, one.line) for one in caught.value.problems] == [("settings_backslash", 4)]
    assert "'\\d{5,6}'" in "\n".join(caught.value.problems[0].told("en"))


def test_what_is_built_in_has_names_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """All that GS1 codes and EPCs are called, and nothing else; each is listed, and told in a sentence."""
    names = {*GS1_SCHEMES, "epc.raw", *(f"epc.{name}" for name in KEYS)}
    assert set(built_in()) == names
    listed = json.loads(run(capsys, "list", "--json")[1])["built_in"]
    assert {row["name"] for row in listed} == names
    assert re.search(r"gs1\.gtin +全球贸易项目代码 GTIN +内置", run(capsys, "list", "--lang", "zh")[1])
    assert run(capsys, "show", "gs1.gtin", "--lang", "en")[1].startswith("gs1.gtin: trade item, GTIN. It is built in")
    code, _, err = run(capsys, "show", "gs1.gtn", "--lang", "en")
    assert (code, "did you mean gs1.gtin?" in err) == (78, True)


def test_parts_and_application_identifiers_have_names(own: Path) -> None:
    """Each named part of a row that ships and each date has words; a site's own row may name its parts."""
    ships = table(None)
    named = catalogue()["name"]
    for row in ships.file.scheme:
        groups = set(re.compile(row.pattern).groupindex) - set(row.parts)
        assert groups <= set(named["part"]), row.name
    assert {*DATES.values(), *(name for key in KEYS.values() for name in key.names)} <= set(named["part"])
    assert part(ships, "cn.uscc", "organization")["zh"] == "组织机构代码"
    own.write_text(CYLINDER.replace("uri = ", 'parts = { digits = { zh = "箱号", en = "crate number" } }\nuri = '))
    assert part(table(own), "site.crate", "digits") == {"zh": "箱号", "en": "crate number"}
    assert part(table(own), "site.crate", "other") == {"zh": "other", "en": "other"}
    assert all(any(covers(pattern, ai) for ai in ais()) for pattern in named["ai"])
    assert (title("3102", "zh"), title("3102", "en")) == ("净重（千克）", "NET WEIGHT (kg)")
    assert (title("91", "zh"), title("4300", "zh"), title("00000", "zh")) == ("公司内部信息", "SHIP TO COMP", "")


_WORDS = ["schema", "scheme", "name", "pattern", "checks", "check", "group", "uri", "date", "label", "url", "readpoint"]
_WORDS += ["expect", "lenient", "values", "format", "1", "true", '"(?P<a>\\d{2})"', '"{a}"', '"cn.drug"', '"code"']
_MARKS = ["=", "[", "]", "[[", "]]", "{", "}", ",", "\n", "\n", ".", "'", " "]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.sampled_from(_WORDS + _MARKS), max_size=40), st.data())
def test_a_table_may_be_anything(tmp_path: Path, parts: list[str], data: st.DataObject) -> None:
    """Words of a table in any order, or a right table with a piece cut out: either it is right, or the problems are told."""
    at = data.draw(st.integers(0, len(CYLINDER)))
    cut = CYLINDER[:at] + "".join(parts[:4]) + CYLINDER[at + data.draw(st.integers(0, 40)) :]
    for text in ("".join(parts), cut):
        path = tmp_path / "codes.toml"
        path.write_text(text, encoding="utf-8")
        problems: list[Problem] = []
        try:
            matches(Codes(path).current(), "33011234567", None, 2026)
        except SettingsInvalid as err:
            problems = err.problems
        assert all(problem.told("en") and problem.told("zh-CN") for problem in problems)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_table_is_read_again_when_it_changes(own: Path) -> None:
    """Looked at once a second; one that is wrong or gone leaves the old one, and is told once. At the start it must be there."""
    clock = Clock()
    told: list[SettingsInvalid] = []
    codes = Codes(own, lambda err: told.append(cast(SettingsInvalid, err)), clock)
    first = codes.current()

    def replaced(text: str | None) -> Table:
        if text is None:
            own.unlink()
        else:
            beside = own.with_suffix(".new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(own)
        clock.now += 0.9
        assert codes.current() is not None
        clock.now += 0.2
        return codes.current()

    own.write_text(CYLINDER.replace("crate", "crates"), encoding="utf-8")
    assert codes.current() is first
    changed = replaced(CYLINDER.replace("33\\d{2}", "34\\d{2}"))
    assert list(uris(changed, "340112345678")) == ["cn.cylinder"]
    assert replaced(CYLINDER.replace("pattern", "patern")) is changed
    clock.now += 5
    assert codes.current() is changed
    assert [err.code for err in told] == ["settings_invalid"]
    assert replaced(None) is changed
    clock.now += 5
    assert codes.current() is changed
    assert [problem.error.code for err in told[1:] for problem in err.problems] == ["codes_unreadable"]
    assert list(uris(replaced(CYLINDER), "330112345678")) == ["cn.cylinder"]
    assert len(told) == 2
    for wrong in ("schema = true", "schema = 1\nx" + ".a" * 5000 + " = 1"):
        assert list(uris(replaced(wrong), "330112345678")) == ["cn.cylinder"]
    assert len(told) == 4
    own.write_text("schema = 2", encoding="utf-8")
    for path in (own, own.with_name("nothing.toml")):
        with pytest.raises(SettingsInvalid):
            Codes(path)
