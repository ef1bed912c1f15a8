"""A settings file is right as a whole, or every problem in it is told at once."""

import hashlib
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

import pytest

from gateway.rules.registry import RULES
from gateway.rules.site import Role
from gateway.settings.load import load
from gateway.settings.problem import Problem, SettingsInvalid
from gateway.settings.schema import Signal
from sync.contract.signing import private_key

CASES = sorted((Path(__file__).parents[1] / "cases" / "settings").iterdir())
EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
EXAMPLE = EXAMPLES / "cold-room.toml"

GATEWAY = 'schema = 1\n[gateway]\nid = "gw-1"\n'
SCANNER = '[[device]]\nid = "scan1"\ndriver = "scanner"\nport = "/dev/ttyACM0"\n'


def site(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> list[Problem]:
    with pytest.raises(SettingsInvalid) as caught:
        load(path)
    return caught.value.problems


def codes(found: list[Problem] | tuple[Problem, ...]) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.error.code) for problem in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_is_told_as_expected(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems of `site.toml`, in the words of `expected.txt`; in Chinese too there are words for each."""
    monkeypatch.chdir(case)
    found = problems(Path("site.toml"))
    told = [line for problem in found for line in problem.told("en")]
    assert "\n".join(told) + "\n" == Path("expected.txt").read_text(encoding="utf-8")
    assert "error." not in "".join(line for problem in found for line in problem.told("zh-CN"))


def test_the_pins_of_a_pi_are_right() -> None:
    """Contacts, a lamp and thermometers without a bus; each contact and output has its words in both languages."""
    settings = load(EXAMPLES / "pi-pins.toml")
    assert settings.warnings == ()
    pins, rooms = (device.factory.point_map(device.config).points for device in settings.devices)
    assert [point.name for point in pins] == ["door", "hatch", "hatch_shut", "lamp"]
    assert all(point.label.keys() == {"zh", "en"} for point in pins)
    assert [point.name for point in rooms] == ["room1", "room2"]


def test_the_readers_are_right() -> None:
    """Every driver that identifies is in the example."""
    settings = load(EXAMPLES / "readers.toml")
    assert settings.warnings == ()
    known = {entry.name for entry in entry_points(group="doorpost.drivers")}
    there = known - {"modbus", "gpio", "ds18b20", "modem_sms"}
    assert {device.config.driver for device in settings.devices} == there


def test_the_lift_is_right() -> None:
    """Every rule of lifts is in the example, and every signal that only lifts raise has its output."""
    settings = load(EXAMPLES / "lift.toml")
    assert [warning.error.code for warning in settings.warnings] == ["lift_no_sync"]  # its files are the centre's
    assert {rule.rule for rule in settings.rules} == {name for name in RULES if name.startswith("lift")}
    assert {signal for output in settings.outputs for signal in output.on} == set(get_args(Signal)) - {"lamp_red"}
    assert [lift.id for lift in settings.lifts] == ["lift-1"]
    assert {role for person in settings.persons for role in person.role} == set(get_args(Role))


def test_a_tier_that_nobody_can_be_told_in_is_warned_of(tmp_path: Path) -> None:
    """Where there are persons at all; it does not keep the gateway from listening."""
    text = (EXAMPLES / "lift.toml").read_text(encoding="utf-8").replace('phone = "+8613800000003"\n', "")
    found = load(site(tmp_path, text)).warnings
    tiers = [one.error.params["tier"] for one in found if one.error.code == "tier_without_phone"]
    assert tiers == [2]


def test_lamps_of_several_lifts_say_whose_they_are(tmp_path: Path) -> None:
    """Else a call in one car lights up the other; the siren of the duty room may be everybody's."""
    text = (EXAMPLES / "lift.toml").read_text(encoding="utf-8")
    second = '[[lift]]\nid = "lift-2"\nrescue = "330682"\n'
    second += '[[rule]]\nid = "call-2"\nrule = "lift"\nlift = "lift-2"\nprofile = "lift-default"\n'
    second += 'alarm = "board.di5"\nend = "board.di6"\n'
    with pytest.raises(SettingsInvalid) as caught:
        load(site(tmp_path, text + second))
    assert {(one.where, one.error.code) for one in caught.value.problems} == {
        (f"output {lamp}: on", "output_of_all_lifts") for lamp in ("yellow", "green", "fault", "voice")
    }
    lamps = text.replace('on = ["lamp', 'rules = ["lift-1"]\non = ["lamp').replace(
        'on = ["voice', 'rules = ["lift-1"]\non = ["voice'
    )
    assert load(site(tmp_path, lamps + second)).outputs


def test_a_setting_of_another_table_is_told_where_it_belongs(tmp_path: Path) -> None:
    (found,) = problems(site(tmp_path, GATEWAY + 'broker = "mqtt://127.0.0.1"\n'))
    assert (found.error.code, found.error.params["tables"]) == ("setting_elsewhere", "[sync]")


def test_the_example_is_right() -> None:
    """The shipped example is complete and has no problem; its parts come in the order of the file."""
    settings = load(EXAMPLE)
    assert settings.warnings == ()
    assert settings.sha256 == hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
    assert [device.config.id for device in settings.devices][:2] == ["room1", "room2"]
    assert [bus.factory.__name__ for bus in settings.buses] == ["ModbusRtuBus"]
    assert {device.factory.__name__ for device in settings.devices} >= {"ModbusDevice", "ScannerDevice"}
    assert [rule.id for rule in settings.rules] == ["room1-cold", "room2-frozen"]
    assert settings.outputs[0].on == ["siren"]


def test_the_example_with_sync_is_right(tmp_path: Path) -> None:
    """What stands commented in the example is right too, once the files are there."""
    text = EXAMPLE.read_text(encoding="utf-8")
    head, sync, rest = text.partition("# [sync]\n")
    lines = rest.split("\n")
    end = next(i for i, line in enumerate(lines) if not line.startswith("# "))
    text = head + "[sync]\n" + "\n".join([*(line.removeprefix("# ") for line in lines[:end]), *lines[end:]])
    for name in ("ca.pem", "gw.pem", "gw.key", "mqtt.password"):
        (tmp_path / name).touch(mode=0o600)
    private_key(tmp_path / "central.pem")  # makes central.pub beside it
    settings = load(site(tmp_path, text))
    assert sync
    assert settings.sync
    assert settings.sync.password_file == tmp_path / "mqtt.password"
    assert settings.sync.central_keys == [tmp_path / "central.pub"]


def test_the_example_with_a_serial_server_is_right(tmp_path: Path) -> None:
    """The commented bus, RTU over TCP, beside the others."""
    head, bus, rest = EXAMPLE.read_text(encoding="utf-8").partition("# [[bus]]\n")
    lines, blank, rest = rest.partition("\n\n")
    lines = "\n".join(line.removeprefix("# ") for line in lines.split("\n"))
    settings = load(site(tmp_path, head + "[[bus]]\n" + lines + blank + rest))
    assert bus
    assert [getattr(bus.config, "port", None) for bus in settings.buses][1:] == ["tcp://192.0.2.11:4001"]


def test_a_small_file_has_defaults(tmp_path: Path) -> None:
    """A gateway needs no more than its name."""
    settings = load(site(tmp_path, GATEWAY))
    assert (settings.gateway.language, settings.web.listen, settings.sync) == ("zh-CN", "127.0.0.1:8321", None)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is a problem of the settings, without a line."""
    assert codes(problems(tmp_path / "no.toml")) == [(None, "settings_unreadable")]
    assert codes(problems(tmp_path)) == [(None, "settings_unreadable")]


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    """The line with the first wrong byte is named."""
    path = tmp_path / "site.toml"
    path.write_bytes(GATEWAY.encode() + "# 冷库\n".encode("gb18030"))
    assert codes(problems(path)) == [(4, "settings_not_utf8")]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("a = " + "[" * 5000, "settings_too_deep"),
        ("a." * 5000 + "a = 1", "settings_too_deep"),
        ("a = " + "9" * 5000, "settings_number_too_long"),
    ],
    ids=["brackets", "dots", "digits"],
)
def test_too_much_for_any_file(tmp_path: Path, wrong: str, code: str) -> None:
    """Where it stands is not known: no innocent line is named, and nothing is said in Python's own words."""
    (one,) = problems(site(tmp_path, wrong + '\n[gateway]\nid = "gw-1"\n'))
    assert (one.line, one.source, one.error.code) == (None, "", code)
    assert one.error.params.keys() == {"most"}
    assert all(len(one.told(lang)) == 2 for lang in ("en", "zh-CN"))


def test_lines_count_in_a_file_from_windows(tmp_path: Path) -> None:
    """CRLF makes no line of its own."""
    path = tmp_path / "site.toml"
    path.write_bytes((GATEWAY + 'colour = "green"\n').replace("\n", "\r\n").encode())
    assert codes(problems(path)) == [(4, "setting_unknown")]


def test_a_file_from_the_editor_of_windows(tmp_path: Path) -> None:
    """It begins with a mark of its encoding, which is no part of the text."""
    path = tmp_path / "site.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (GATEWAY + 'colour = "green"\n').encode())
    assert codes(problems(path)) == [(4, "setting_unknown")]


def test_types_are_strict(tmp_path: Path) -> None:
    """A number in quotes is no number, and 1.0 is no whole number."""
    path = site(tmp_path, GATEWAY + SCANNER + 'baudrate = "9600"\nidle_flush_ms = 1.5\nenabled = 1\n')
    assert codes(problems(path)) == [
        (8, "setting_not_integer"),
        (9, "setting_not_integer"),
        (10, "setting_not_bool"),
    ]


@pytest.mark.parametrize(
    ("port", "right"),
    [
        ("/dev/ttyACM0", True),
        ("tcp://192.0.2.10:4001", True),
        ("tcp://[2001:db8::1]:4001", True),
        ("COM3", False),
        ("dev/ttyACM0", False),
        ("tcp://h", False),
        ("tcp://h:99999", False),
        ("tcp://h:0", False),
        ("tcp://h:4001/x", False),
        ("tcp://h:4001\\n", False),
        ("tcp://me@h:4001", False),
        ("tcp://:4001", False),
        ("tcp://[::1:4001", False),
        ("rfc2217://h:4001", False),
    ],
)
def test_a_port_is_a_path_or_an_address(tmp_path: Path, port: str, right: bool) -> None:
    """Anything else is told before a driver tries it; a bus takes the one that its driver speaks."""
    bus = f'[[bus]]\nid = "b"\ndriver = "{{}}"\nport = "{port}"\n'
    serial, tcp = bus.format("modbus_rtu"), bus.format("modbus_tcp")
    expected = {
        SCANNER.replace("/dev/ttyACM0", port): None if right else "setting_port",
        serial: None if right else "setting_port",
        tcp: None if right and port[0] == "t" else "setting_tcp_port",
    }
    for text, code in expected.items():
        path = site(tmp_path, GATEWAY + text)
        if code:
            assert codes(problems(path)) == [(7, code)]
        else:
            load(path)


def test_one_port_has_one_owner_by_any_name(tmp_path: Path) -> None:
    """A link to a port is that port."""
    (tmp_path / "by-id").symlink_to("/dev/ttyACM0")
    second = SCANNER.replace("scan1", "scan2").replace("/dev/ttyACM0", str(tmp_path / "by-id"))
    assert codes(problems(site(tmp_path, GATEWAY + SCANNER + second))) == [(11, "port_shared")]


def test_secrets_that_others_can_read_are_warned_of(tmp_path: Path) -> None:
    """The settings stay usable; a password that goes out in clear is told as well, but not on this machine."""
    (tmp_path / "secret").touch()
    (tmp_path / "secret").chmod(0o644)
    sync = '[sync]\nbroker = "mqtt://{host}"\npassword_file = "secret"\n'
    far = load(site(tmp_path, GATEWAY + sync.format(host="broker.example:1883")))
    assert codes(far.warnings) == [(6, "secret_world_readable"), (5, "password_in_clear")]
    (tmp_path / "secret").chmod(0o600)
    assert load(site(tmp_path, GATEWAY + sync.format(host="localhost"))).warnings == ()


def test_a_pinned_key_must_be_one(tmp_path: Path) -> None:
    """A file that is no Ed25519 key is told at its place in the list."""
    private_key(tmp_path / "central.pem")
    (tmp_path / "rubbish.pub").write_text("this is no key\n")
    keys = 'central_keys = [\n  "central.pub",\n  "rubbish.pub",\n]\n'
    found = problems(site(tmp_path, GATEWAY + '[sync]\nbroker = "mqtts://broker.example"\n' + keys))
    assert codes(found) == [(8, "key_unreadable")]
    assert found[0].where == "sync.central_keys[1]"


def test_only_configured_drivers_are_imported(tmp_path: Path) -> None:
    """A gateway without a camera does not load the camera's driver."""
    program = "import sys; from pathlib import Path; from gateway.settings.load import load; load(Path(sys.argv[1])); "
    program += "print([name for name in sys.modules if name.startswith(('drivers.', 'cv2', 'rich', 'starlette'))])"
    run = [sys.executable, "-c", program, str(site(tmp_path, GATEWAY + SCANNER))]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert "drivers.scanner.driver" in loaded
    assert not any(name in loaded for name in ("drivers.camera", "drivers.modbus", "cv2", "rich", "starlette"))


def test_a_site_without_lifts_loads_nothing_of_them(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from gateway.settings.load import load; load(Path(sys.argv[1])); "
    program += "import gateway.app; print(*[name for name in sys.modules if name.startswith('gateway.')])"
    run = [sys.executable, "-c", program, str(site(tmp_path, GATEWAY + SCANNER))]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert "gateway.pipeline" in loaded
    small = {"gateway.lift_deeds", "gateway.settings.lift_advice", "gateway.settings.lift_checks"}
    assert {name for name in loaded if "lift" in name or name == "gateway.vitals"} == small


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ('driver = "scanner"\nport = "/dev/gun"\nterminators = "CR"', 8, "is not a list"),
        ('driver = "camera"\nsource = "x.png"\nformats = ["QR"]', 8, "did you mean QRCode?"),
        ('driver = "camera"\nsource = "x.png"\nformats = ["datamatrix"]', 8, "did you mean DataMatrix?"),
        ('driver = "scanner"\nport = "/dev/gun"\ngs = "，"', 8, "other characters than ASCII"),
        ('driver = "scanner"\nport = "/dev/gun"\nprefix = "，"', 8, "U+00FF"),
        ('driver = "rfid_llrp"\nport = "tcp://192.0.2.1"', 7, "5084"),
        ('driver = "rfid_llrp"\nport = "tcp://192.0.2.1:1"\ninputs = { Door = { gpi = 1 } }', 8, "small letters"),
        ('driver = "rfid_uhfreader"\nport = "/dev/uhf"\nmodel = "uhfreader18"\nantennas = [1]', 9, "antennas"),
        (
            'driver = "rfid_m100"\nport = "/dev/uhf"\nselect = { bank = "epc", bit = 32, mask = "123" }',
            8,
            "two digits for each byte",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(tmp_path: Path, lines: str, line: int, words: str) -> None:
    """At its line, without the words of a library, and without those of another device."""
    (problem,) = problems(site(tmp_path, f'{GATEWAY}[[device]]\nid = "d"\n{lines}\n'))
    told = "\n".join(problem.told("en"))
    assert problem.line == line
    assert words in told
    for raw in ("frozenset", "[0-9", "xy-md02"):
        assert raw not in told


def test_the_number_of_a_keyboard_is_no_stable_name(tmp_path: Path) -> None:
    """As that of a serial adapter is none."""
    wedge = '[[device]]\nid = "w1"\ndriver = "wedge"\nport = "/dev/input/event3"\n'
    assert codes(load(site(tmp_path, GATEWAY + wedge)).warnings) == [(7, "keyboard_unstable")]
