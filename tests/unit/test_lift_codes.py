"""What lifts' codes mean: the same number in two cities, the way back, and tables that are wrong."""

from pathlib import Path
from typing import get_args

import pytest

from drivers.modbus.library import load_profile
from gateway.lift_codes import UNKNOWN, Meaning, What, all_bits, known_tables, load, names, read
from gateway.rules.site import Lift
from model.errors import SettingsError
from model.texts import hint, text

NATIONAL = "gbt24476-2017"
DEFAULT = Lift(id="l1").codes
HEAD = """name = "one"
version = 1
label = { zh = "一", en = "one" }
evidence = "proposed"
source = "a test"
"""
GOOD = 'row = [\n  { raw = "04", what = "fault", code = "stop_outside_zone", label = "x" },\n%s]\n'


def test_every_table_that_ships_is_right() -> None:
    """Whole, with its evidence, and every bit of a map is a point of its profile."""
    assert len(known_tables()) == 8
    for name in known_tables():
        table = load(name)
        assert table.source
        for one in table.rows:
            assert one.row.code in names(one.row.what)
            assert one.source
    points = {point.name for point in load_profile("lift-ba-vanke").point if point.type == "bit"}
    assert load("lift-ba-vanke").bits == points == set(all_bits())


def test_every_name_is_said_by_some_table() -> None:
    """But for what the gateway finds itself."""
    said = {(one.row.what, one.row.code) for name in known_tables() for one in load(name).rows}
    every = {(what, code) for what in get_args(What) for code in names(what)}
    assert every - said == {("event", "terminal_restarted")}
    assert all(words.keys() == {"en", "zh"} for what in get_args(What) for words in names(what).values())


@pytest.mark.parametrize(
    ("what", "raw", "means"),
    [
        ("fault", 8, {NATIONAL: "fault/restart_prevented", "extension-b": "fault/door_opened_while_moving"}),
        ("fault", 9, {NATIONAL: "fault/unknown", "extension-a": "fault/overtravel_top", "chongqing": "fault/unknown"}),
        ("fault", 10, {"extension-a": "fault/overtravel_bottom", "extension-b": "fault/overtravel_bottom"}),
        ("fault", 11, {NATIONAL: "fault/unknown", "extension-a": "alarm/trapped", "extension-b": "fault/overspeed"}),
        ("fault", 15, {NATIONAL: "fault/unknown", "extension-b": "alarm/alarm_button"}),
        ("alarm", 91, {NATIONAL: "alarm/unknown", "chongqing": "fault/overtravel_bottom"}),
        ("alarm", 92, {NATIONAL: "alarm/unknown", "chongqing": "fault/overtravel_top"}),
        ("alarm", 93, {NATIONAL: "alarm/unknown", "chongqing": "alarm/trapped_level", DEFAULT: "alarm/trapped"}),
        ("fault", 99, {"extension-a": "fault/unknown", "extension-b": "fault/other_fault"}),
        ("mode", 3, {NATIONAL: "mode/fire_recall", "gbt24476-2017-escalator": "mode/undetermined"}),
        ("fault", 4, dict.fromkeys((NATIONAL, "extension-a", "extension-b", "chongqing"), "fault/stop_outside_zone")),
        ("alarm", 90, dict.fromkeys((NATIONAL, "extension-a", "extension-b", "chongqing"), "alarm/alarm_button")),
        ("fault", 62, {NATIONAL: "fault/unknown", "gbt24476-2017-escalator": "fault/overspeed"}),
        ("alarm", "0101", {"four-digit": "alarm/trapped", NATIONAL: "alarm/unknown"}),
        ("fault", "0202", {"four-digit": "fault/unknown"}),
        ("event", "0313", {"four-digit": "event/device_offline", NATIONAL: "event/unknown"}),
    ],
)
def test_one_number_means_different_things(what: What, raw: int | str, means: dict[str, str]) -> None:
    for table, meaning in means.items():
        assert "/".join(load(table).meaning(what, raw) or ()) == meaning, table


def test_zeros_before_a_number_do_not_count_and_none_is_no_code() -> None:
    table = load(NATIONAL)
    assert table.meaning("fault", "04") == table.meaning("fault", 4) == Meaning("fault", "stop_outside_zone")
    assert table.meaning("fault", 0) is None
    assert table.meaning("mode", 0) == Meaning("mode", "out_of_service")
    assert load("chongqing").meaning("fault", "00") is None


@pytest.mark.parametrize(
    ("what", "code", "numbers"),
    [
        ("fault", "overtravel_top", {NATIONAL: None, "extension-a": "09", "extension-b": "09", "chongqing": "92"}),
        ("fault", "restart_prevented", {NATIONAL: "08", "extension-b": None, "gbt24476-2017-escalator": "65"}),
        ("alarm", "trapped", {NATIONAL: None, "extension-a": "11", "four-digit": "0101", "chongqing": None}),
        ("alarm", "alarm_button", {NATIONAL: "90", "extension-b": "15", "chongqing": "90", "four-digit": None}),
        ("event", "inspection", {NATIONAL: "43", "extension-b": "43"}),
        ("mode", "inspection", {NATIONAL: "2", "gbt24476-2017-escalator": "2"}),
    ],
)
def test_the_way_back(what: What, code: str, numbers: dict[str, str | None]) -> None:
    """A platform that has no number for it is told none; where it has two, its own goes before the common one."""
    assert {table: load(table).raw(what, code) for table in numbers} == numbers


@pytest.mark.parametrize("name", known_tables())
def test_there_and_back(name: str) -> None:
    """What a number means has a number, and that means the same."""
    table = load(name)
    for one in table.rows:
        back = table.raw(one.row.what, one.row.code)
        assert back is not None
        assert table.meaning(one.row.what, back) == Meaning(one.row.what, one.row.code)


@pytest.mark.parametrize(
    ("rows", "code", "params"),
    [
        ('  { raw = "4", what = "event", code = "fire_recall", label = "x" },\n', "lift_code_twice", {"row": 2, "first": 1}),
        ('  { raw = "5", what = "fault", code = "overspeeed", label = "x" },\n', "lift_code_name_unknown", {"similar": "overspeed"}),
        ('  { raw = "5", what = "fault", code = "trapped", label = "x" },\n', "lift_code_name_unknown", {"similar": "alarm/trapped"}),
        ('  { raw = 5, what = "fault", code = "overspeed", label = "x" },\n', "lift_code_row", {"row": 2, "key": "raw"}),
        ('  { raw = "-5", what = "fault", code = "overspeed", label = "x" },\n', "lift_code_row", {"row": 2, "key": "raw"}),
        ('  { raw = "5", what = "faults", code = "overspeed", label = "x" },\n', "lift_code_row", {"row": 2, "key": "what"}),
        ('  { raw = "5", what = "fault", label = "x" },\n', "lift_code_row", {"row": 2, "key": "code"}),
        ('  { raw = "5", what = "fault", code = "overspeed", label = "x", law = true },\n', "lift_code_row", {"key": "law"}),
    ],
)  # fmt: skip
def test_a_wrong_row_is_told_with_its_place(tmp_path: Path, rows: str, code: str, params: dict[str, object]) -> None:
    (tmp_path / "one.toml").write_text(HEAD + GOOD % rows)
    with pytest.raises(SettingsError) as told:
        read("one", tmp_path)
    assert told.value.code == code
    assert told.value.params.items() >= params.items()
    assert told.value.params["file"] == tmp_path / "one.toml"
    for lang in ("en", "zh"):
        assert "…" not in text(f"error.{code}", lang, **told.value.params)
        assert "…" not in (hint(code, lang, **told.value.params) or "…").replace('"..."', "")


@pytest.mark.parametrize(
    ("text_", "code"),
    [
        (HEAD, "lift_codes_bad"),
        (HEAD + "row = []\n", "lift_codes_bad"),
        (HEAD.replace('"one"', '"other"', 1) + GOOD % "", "lift_codes_bad"),
        (HEAD.replace('"proposed"', '"law"') + GOOD % "", "lift_codes_bad"),
        (HEAD + 'extends = "one"\n' + GOOD % "", "lift_codes_bad"),
        (HEAD + 'extends = "two"\n' + GOOD % "", "lift_codes_unknown"),
        (HEAD + "row = [", "lift_codes_bad"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, text_: str, code: str) -> None:
    (tmp_path / "one.toml").write_text(text_)
    with pytest.raises(SettingsError) as told:
        read("one", tmp_path)
    assert told.value.code == code


def test_a_table_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match="lift_codes_unknown") as told:
        load("gbt24476-2023")
    assert NATIONAL in str(told.value.params["known"])
    assert UNKNOWN not in names("fault")
