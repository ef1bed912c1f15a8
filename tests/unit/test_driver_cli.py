"""`doorpost driver` and docs/settings.md: every setting of every table, in words."""

import json
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from gateway.cli import main
from gateway.settings import listing
from gateway.settings.listing import Setting, listed
from gateway.settings.schema import Gateway, Store
from model.texts import text
from support.catalogue import catalogue
from support.settings_page import PAGE, page, parts

KNOWN = {
    *("type", "const", "enum", "format", "items", "prefixItems", "uniqueItems"),
    *("minimum", "exclusiveMinimum", "maximum", "pattern", "minItems", "maxItems"),
    *("patternProperties", "minProperties", "minLength", "maxLength"),
}
"""What JSON Schema may say of a value so that the words say it too."""


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["driver", *args])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def shown(capsys: pytest.CaptureFixture[str], driver: str) -> dict[str, Any]:
    """The settings of a driver, by key."""
    code, out, _ = run(capsys, "show", driver, "--json")
    assert code == 0
    return {one["key"]: one for one in json.loads(out)["settings"]}


def sentence(setting: Setting) -> str | None:
    """The key of its words."""
    return next((key for key in setting.text_keys() if written(key)), None)


def written(key: str) -> bool:
    table: Any = catalogue()
    for part in key.split("."):
        table = table.get(part, {})
    return "en" in table and "zh" in table


def sentences(table: dict[str, Any], path: str) -> set[str]:
    """The keys of all words in a table of the catalogue."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    return ({path} if "en" in table else set()).union(
        *(sentences(value, f"{path}.{key}") for key, value in inner.items())
    )


def test_every_setting_has_its_sentence() -> None:
    """And no sentence is left over."""
    tables = {name: listed(name, model) for name, _, model in parts()}
    found = {(name, one.key): sentence(one) for name, settings in tables.items() for one in settings}
    assert [place for place, key in found.items() if key is None] == []
    assert sentences(catalogue()["setting"], "setting") == set(found.values())
    assert set(catalogue()["part"]) == set(tables)


def test_every_value_has_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bound is left out, and no words are left over."""
    used: set[str] = set()

    def noted(key: str, lang: str, **params: object) -> str:
        used.add(key)
        return text(key, lang, **params)

    monkeypatch.setattr(listing, "text", noted)
    for name, _, model in parts():
        for one in listed(name, model):
            assert one.value_text("en")
            for schema in (one.bounds, one.bounds.get("items", {})):
                assert schema.keys() <= KNOWN, (name, one.key)
                assert schema.get("maxItems") in {None, schema.get("minItems")}, (name, one.key)
    tables = ("setting_type", "setting_limit", "setting_default")
    assert used == {f"{table}.{key}" for table in tables for key in catalogue()[table]}


def test_the_page_is_that_of_the_classes() -> None:
    """`make drivers` would change nothing."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_drivers_are_listed_without_being_imported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may need a library that is not there: then `show` says so, and `list` has it all the same."""

    def load(_self: EntryPoint) -> None:
        raise ModuleNotFoundError("No module named 'evdev'")

    monkeypatch.setattr(EntryPoint, "load", load)
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    assert {"name": "camera", "table": "[[device]]"}.items() <= json.loads(out)[2].items()
    code, out, _ = run(capsys, "list", "--lang", "zh")
    assert (code, "摄像头" in out) == (0, True)
    code, _, err = run(capsys, "show", "wedge", "--lang", "en")
    assert (code, "evdev" in err) == (78, True)


def test_what_may_stand_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Required, default, bounds and choices, also of tables in a table."""
    llrp = shown(capsys, "rfid_llrp")
    assert (llrp["port"]["required"], llrp["port"]["default"]) == (True, None)
    assert llrp["tid_words"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 32}
    assert (llrp["tid_words"]["required"], llrp["tid_words"]["default"]) == (False, 0)
    assert llrp["inputs.NAME.gpi"]["required"]
    assert llrp["driver"]["schema"]["const"] == "rfid_llrp"
    assert "patternProperties" not in llrp["inputs"]["schema"]
    assert "patternProperties" in llrp["inputs.NAME.label"]["schema"]
    m100 = shown(capsys, "rfid_m100")
    assert m100["select.bank"]["schema"]["enum"] == ["epc", "tid", "user"]
    assert m100["session"]["schema"] == {"type": "string", "enum": ["S0", "S1", "S2", "S3"]}


def test_it_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """In both languages, and what a size in the file looks like."""
    _, out, _ = run(capsys, "show", "rfid_llrp", "--lang", "en")
    assert "tid_words: whole number, 0..32; default 0\n" in out
    assert "keepalive_s: number, more than 0, at most 15; default 10.0\n" in out
    assert "inputs.NAME.gpi: whole number, 1..65535; must be given\n" in out
    _, out, _ = run(capsys, "show", "camera", "--lang", "zh")
    assert "roi：列表，每项为数，共 4 项；不设置\n" in out
    words = {one.key: one.value_text("en") for model in (Gateway, Store) for one in listed("x", model)}
    assert words["limit"] == 'text; default "4.0 GiB"'
    assert words["language"] == 'one of "zh-CN", "en"; default "zh-CN"'


def test_no_such_driver(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that there are, are named."""
    code, _, err = run(capsys, "show", "rfid", "--lang", "en")
    assert (code, "rfid_m100" in err) == (78, True)
