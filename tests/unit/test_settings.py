"""A settings file is right as a whole, or every problem in it is told at once."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings.load import load
from gateway.settings.problem import Problem, SettingsInvalid
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


def test_the_example_is_right() -> None:
    """The shipped example is complete and has no problem; its parts come in the order of the file."""
    settings = load(EXAMPLE)
    assert settings.warnings == ()
    assert settings.sha256 == hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
    assert [device.config.id for device in settings.devices][:2] == ["room1", "room2"]
    assert [bus.factory.__name__ for bus in settings.buses] == ["ModbusRtuBus"]
    assert {device.factory.__name__ for device in settings.devices} >= {"ModbusDevice", "ScannerDevice"}
    assert [rule.id for rule in settings.rules] == ["room1-cold", "room2-frozen", "lift1-alarm"]
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
