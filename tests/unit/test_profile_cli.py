"""`doorpost profile`: a stranger's file checked whole, with lines, and shown as it will be asked."""

import json
import textwrap
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from drivers.modbus.library import known_profiles, load_profile
from gateway.cli import main
from gateway.settings.load import load
from gateway.settings.problem import SettingsInvalid
from model.shipped import shipped

PROBE = """schema = 1
name = "my-probe"
version = 1
kind = "sensor"
label = { zh = "探头", en = "Probe" }
evidence = "vendor-doc"
source = "manual, page 4"

[read]
function = 4

[[point]]
name = "temperature"
address = 1
type = "s16"
scale = 0.1
unit = "Cel"
min = -40
max = 80

[[point]]
name = "humidity"
address = 2
type = "u16"
scale = 0.1
unit = "%"
"""


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["profile", *args])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    path = tmp_path / "my-probe.toml"
    path.write_text(PROBE, encoding="utf-8")
    return path


def test_a_right_profile_is_shown_as_it_will_be_asked(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its requests, its points, and what it makes of the replies that the manual shows."""
    code, out, _ = run(capsys, "check", str(probe), "--json", "--reply", "01 04 04 01 31 02 22 2A CE")
    told = json.loads(out)
    assert code == 0
    assert told["requests"] == [{"function": 4, "address": 1, "count": 2, "pdu": "0400010002"}]
    assert told["values"] == {
        "temperature": {"value": 30.5, "unit": "Cel", "quality": "good"},
        "humidity": {"value": 54.6, "unit": "%", "quality": "good"},
    }
    code, out, err = run(capsys, "check", str(probe), "--lang", "en", "--reply", "0131 0222")
    assert (code, err) == (0, "")
    assert "Points: 2, read with requests: 1" in out
    assert "temperature 30.5 °C" in out


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("", "size"),
        ("0131", "size"),
        ("rubbish", "hex"),
        ("01 04 04 01 31 02 22 2A CF", "crc"),
        ("01 84 02 C2 C1", "exception"),
        ("01 03 04 01 31 02 22 2B 79", ""),
    ],
)
def test_a_reply_that_is_none_is_told(probe: Path, capsys: pytest.CaptureFixture[str], reply: str, code: str) -> None:
    """Too short, no digits, damaged, refused, of another function: with the question that it should have answered."""
    exit_code, out, err = run(capsys, "check", str(probe), "--lang", "en", "--reply", reply)
    assert exit_code == 78
    assert "04 00 01 00 02" in err
    exit_code, out, _ = run(capsys, "check", str(probe), "--json", "--reply", reply)
    assert json.loads(out)["error"]["code"] == "_".join(filter(None, ["profile_reply", code]))


def test_each_request_has_one_reply(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One too many is no other's."""
    code, _, err = run(capsys, "check", str(probe), "--lang", "en", "--reply", "0131 0222", "--reply", "0131 0222")
    assert code == 78
    assert "2 replies for 1 requests" in err


@pytest.mark.parametrize(
    ("old", "new", "line", "code"),
    [
        ('name = "my-probe"', 'name = "other"', 2, "profile_name"),
        ("scale = 0.1", "skale = 0.1", 16, "setting_unknown"),
        ('type = "s16"', 'type = "s61"', 15, "setting_not_one_of"),
        ('name = "humidity"', 'name = "temperature"', 21, "profile_name_twice"),
        ('type = "u16"', "quiet = true", 21, "profile_bit_missing"),
        ("max = 80", "max = -80", 12, "profile_range"),
        ("function = 4", "function = 2", 12, "profile_not_bit"),
        ('type = "u16"\nscale = 0.1', 'type = "f32"', 21, "profile_f32_scale"),
        (PROBE[PROBE.index("[[point]]") :], "", 1, "setting_tables_missing"),
        ("[read]", "[[[", 9, "settings_not_toml"),
    ],
)
def test_each_problem_has_its_line(
    probe: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: int, code: str
) -> None:
    """In both languages, with a hint where one can help."""
    probe.write_text(PROBE.replace(old, new, 1), encoding="utf-8")
    exit_code, out, _ = run(capsys, "check", str(probe), "--json")
    first, *_ = json.loads(out)["problems"]
    assert exit_code == 78
    assert (first["line"], first["code"]) == (line, code)
    _, _, chinese = run(capsys, "check", str(probe), "--lang", "zh")
    assert f"my-probe.toml:{line}: " in chinese


def test_numbers_of_a_manual_are_warned_of(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """30002 is function 4, address 1, not address 30002; a profile that knows better is taken all the same."""
    probe.write_text(PROBE.replace("address = 1", "address = 30002").replace("address = 2", "address = 30003"))
    code, _, err = run(capsys, "check", str(probe), "--lang", "en")
    assert code == 0
    assert "function = 4, address = 1" in err


@pytest.mark.parametrize(
    ("reading", "first", "second", "meant"),
    [
        ("", 40001, 40002, "function = 3, address = 0"),
        ("", 30011, 30012, "function = 4, address = 10"),
        ("function = 3", 40000, 40001, "function = 3, address = 0"),
        ("function = 4", 40001, 40002, None),
        ("", 40001, 2, None),
    ],
)
def test_which_numbers_are_those_of_a_manual(
    probe: Path, capsys: pytest.CaptureFixture[str], reading: str, first: int, second: int, meant: str | None
) -> None:
    """All points of the function, whether it is said or only meant."""
    text = PROBE.replace("[read]\nfunction = 4", f"[read]\n{reading}")
    probe.write_text(text.replace("address = 1", f"address = {first}").replace("address = 2", f"address = {second}"))
    _, _, err = run(capsys, "check", str(probe), "--lang", "en")
    assert meant in err if meant else not err


def test_one_function_of_several_may_be_numbered(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other one's points are as they should be."""
    probe.write_text(PROBE.replace("address = 2", "function = 3\naddress = 40011"))
    _, _, err = run(capsys, "check", str(probe), "--lang", "en")
    assert "function = 3, address = 10" in err


def test_a_profile_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is told as one, by itself and in the settings; and one that is wrong, by its places alone."""
    code, _, err = run(capsys, "check", str(tmp_path / "gone.toml"), "--lang", "en")
    assert code == 78
    assert "device profile" in err
    site = tmp_path / "site.toml"
    site.write_text(
        'schema = 1\n[gateway]\nid = "gw-1"\n[[bus]]\nid = "b"\ndriver = "modbus_rtu"\nport = "/dev/null"\n'
        '[[device]]\nid = "d"\ndriver = "modbus"\nbus = "b"\nslave = 1\nprofile = "my-probe.toml"\n'
    )
    for text, expected in ((None, "profile_unreadable"), ("skale = 1\n" + PROBE, "profile_bad")):
        if text:
            (tmp_path / "my-probe.toml").write_text(text)
        with pytest.raises(SettingsInvalid) as caught:
            load(site)
        (problem,) = caught.value.problems
        assert (problem.line, problem.error.code) == (13, expected)
        if text:
            assert problem.error.params["places"] == "skale"
            assert f"profile check {tmp_path / 'my-probe.toml'}" in problem.told("zh-CN")[-1]
            assert "not permitted" not in "".join(problem.told("zh-CN"))


def test_what_ships_can_be_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its evidence in words, and printed so that a new one can start from it."""
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    assert [one["name"] for one in json.loads(out)] == known_profiles()
    _, out, _ = run(capsys, "list", "--lang", "en")
    assert out.count("public repository only") + out.count("vendor's document") > 8
    _, out, _ = run(capsys, "show", "xy-md02")
    assert tomllib.loads(out)["name"] == "xy-md02"
    for wrong, told in (("xy-md20", "xy-md02"), ("nowhere.toml", "nowhere.toml")):
        code, _, err = run(capsys, "show", wrong, "--lang", "en")
        assert code == 78
        assert told in err


def test_the_schema_is_that_of_the_types_and_fits_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    """The file in config/profiles is what the command prints (`make contract`), and accepts each profile."""
    _, out, _ = run(capsys, "schema")
    assert shipped("profiles", "profile.schema.json").read_text(encoding="utf-8") == out
    schema = Draft202012Validator(json.loads(out))
    for name in known_profiles():
        text = shipped("profiles", f"{name}.toml").read_text(encoding="utf-8")
        schema.validate(tomllib.loads(text))
    assert list(schema.iter_errors({**tomllib.loads(PROBE), "colour": "red"}))


@pytest.mark.parametrize("name", known_profiles())
def test_what_ships_speaks_both_languages(name: str) -> None:
    """Each point and each output has its words."""
    profile = load_profile(name)
    labels = [profile.label, *(point.label for point in profile.point), *(output.label for output in profile.output)]
    assert all(label and label.zh and label.en for label in labels)


def test_a_users_own_profile_is_relative_to_the_settings(probe: Path) -> None:
    """`profile = "my-probe.toml"`: a new sensor needs a file and no code."""
    site = probe.parent / "site.toml"
    site.write_text(
        'schema = 1\n[gateway]\nid = "gw-1"\n[[bus]]\nid = "b"\ndriver = "modbus_rtu"\nport = "/dev/null"\n'
        '[[device]]\nid = "room1"\ndriver = "modbus"\nbus = "b"\nslave = 1\nprofile = "my-probe.toml"\n'
    )
    (device,) = load(site).devices
    assert [point.name for point in device.factory.point_map(device.config).points] == ["temperature", "humidity"]


def test_the_example_of_the_documentation_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/profiles.md: its file is right, and its reply is decoded as it says."""
    page = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
    example = textwrap.dedent(page.split("```toml\n", 1)[1].split("```", 1)[0])
    path = tmp_path / "my-probe.toml"
    path.write_text(example, encoding="utf-8")
    reply = page.split('--reply "', 1)[1].split('"', 1)[0]
    code, out, err = run(capsys, "check", str(path), "--lang", "en", "--reply", reply)
    assert (code, err) == (0, "")
    assert all(line.strip() in page for line in out.splitlines()[1:])
