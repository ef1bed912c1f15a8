"""What is checked of buses and their devices before any of them is asked: time, names of ports, contacts, outputs."""

from pathlib import Path

import pytest

from gateway.settings.load import load
from gateway.settings.problem import Problem, SettingsInvalid

HEAD = 'schema = 1\n[gateway]\nid = "gw-1"\n'
BUS = '[[bus]]\nid = "b"\ndriver = "modbus_rtu"\nport = "/dev/serial/by-id/one"\n'


def device(slave: int, profile: str, every_s: float, more: str = "") -> str:
    return (
        f'[[device]]\nid = "d{slave}"\ndriver = "modbus"\nbus = "b"\nslave = {slave}\nprofile = "{profile}"\n'
        f"every_s = {every_s}\n{more}"
    )


def found(tmp_path: Path, text: str) -> tuple[list[Problem], list[Problem]]:
    """Problems and warnings."""
    path = tmp_path / "site.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    try:
        return [], list(load(path).warnings)
    except SettingsInvalid as err:
        return err.problems, []


def told(problems: list[Problem]) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.error.code) for problem in problems]


def test_a_bus_has_time_for_its_devices(tmp_path: Path) -> None:
    """More than the bytes alone allow is a problem, more than is likely a warning, and either says what each one takes."""
    few = "".join(device(n, "xy-md02", 1.0) for n in range(1, 11))
    assert found(tmp_path, BUS + few) == ([], [])
    _, (warning,) = found(tmp_path, BUS + few + "".join(device(n, "xy-md02", 1.0) for n in range(11, 16)))
    assert (warning.line, warning.error.code) == (4, "bus_full")
    (problem,), _ = found(tmp_path, BUS + "".join(device(n, "xy-md02", 1.0) for n in range(1, 60)))
    assert (problem.line, problem.error.code) == (4, "bus_overbooked")
    # 59 polls of 8 + 9 characters of 11 bits and 3.5 characters of silence at 9600 baud
    assert problem.error.params["needs"] == f"{59 * (17 + 3.5) * 11 / 9600:.2g}"
    assert problem.error.params["cycle"] == "1"
    assert str(problem.error.params["devices"]).startswith("d1 0.023 s, ")
    assert "the 5 greatest of 59 devices: d1 " in problem.told("en")[0]


def test_the_cycle_is_that_of_the_slowest(tmp_path: Path) -> None:
    """Devices with different periods are counted in one of them; those that are not enabled not at all."""
    board = device(1, "lift-gbt-1", 0.08)
    (problem,), _ = found(tmp_path, BUS + board + device(2, "xy-md02", 5.0))
    assert problem.error.params["cycle"] == "5"
    assert str(problem.error.params["devices"]).startswith("d1 ")
    assert found(tmp_path, BUS + device(1, "lift-gbt-1", 0.08, "enabled = false\n")) == ([], [])


def test_a_network_has_no_bytes_to_count(tmp_path: Path) -> None:
    """Over Modbus TCP only the time that the device takes is."""
    bus = '[[bus]]\nid = "b"\ndriver = "modbus_tcp"\nport = "tcp://192.0.2.1:502"\n'
    assert found(tmp_path, bus + device(1, "lift-gbt-1", 0.2)) == ([], [])
    assert told(found(tmp_path, bus + device(1, "lift-gbt-1", 0.05))[1]) == [(4, "bus_full")]


def test_names_that_do_not_stay_are_warned_of(tmp_path: Path) -> None:
    """A number is given to whichever adapter is found first."""
    for port in ("/dev/ttyUSB0", "/dev/ttyACM12"):
        _, warnings = found(tmp_path, BUS.replace("/dev/serial/by-id/one", port))
        assert told(warnings) == [(7, "port_unstable")]
    for port in ("/dev/ttyAMA0", "/dev/serial/by-path/pci-0:1.3", "tcp://192.0.2.1:4001"):
        assert found(tmp_path, BUS.replace("/dev/serial/by-id/one", port)) == ([], [])


@pytest.mark.parametrize(
    ("contacts", "code"),
    [
        ('{ di1 = { normally = "closed" }, di2 = { pair = "di3" } }', None),
        ("{ di9 = {} }", "contact_unknown"),
        ('{ di1 = { pair = "di9" } }', "contact_pair_unknown"),
        ('{ di1 = { pair = "di2" }, di2 = {} }', "contact_pair_taken"),
        ('{ di1 = { normally = "shut" } }', "setting_not_one_of"),
        ("{ relay1 = {} }", "contact_unknown"),
        ('{ di1 = { pair = "relay1" } }', "contact_pair_unknown"),
    ],
)
def test_contacts_must_be_bits_of_the_device(tmp_path: Path, contacts: str, code: str | None) -> None:
    """Told at the line where it stands."""
    problems, _ = found(tmp_path, BUS + device(1, "waveshare-io-8ch", 1.0, f"contacts = {contacts}\n"))
    assert told(problems) == ([(15, code)] if code else [])


def test_a_relay_without_a_timer_cannot_flash(tmp_path: Path) -> None:
    """What would go on sounding when the gateway dies is refused as `flash`, and taken as `hold`."""
    own = tmp_path / "plain-relay.toml"
    own.write_text(
        'schema = 1\nname = "plain-relay"\nversion = 1\nkind = "io"\nlabel = { zh = "a", en = "a" }\nevidence = "vendor-doc"\n'
        'source = "manual"\n[[point]]\nname = "relay1"\nfunction = 1\naddress = 0\n[[output]]\nname = "relay1"\ncoil = 0\n'
    )
    site = (
        BUS
        + device(1, "plain-relay.toml", 1.0)
        + '[[output]]\nid = "siren"\ndevice = "d1"\noutput = "relay1"\non = ["siren"]\n'
    )
    assert told(found(tmp_path, site + 'mode = "flash"\n')[0]) == [(20, "output_no_flash")]
    assert told(found(tmp_path, site + 'mode = "hold"\n')[1]) == [(20, "output_siren_no_timer")]


def test_a_siren_that_holds_is_warned_of(tmp_path: Path) -> None:
    """It would go on sounding when the gateway dies; a lamp may."""
    output = '[[output]]\nid = "o"\ndevice = "d1"\noutput = "relay1"\nmode = "hold"\non = ["lamp_red", "{}"]\n'
    site = BUS + device(1, "waveshare-io-8ch", 1.0) + output
    assert told(found(tmp_path, site.format("siren"))[1]) == [(19, "output_siren_holds")]
    assert found(tmp_path, site.format("lamp_yellow")) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ('driver = "ds18b20"', "setting_inline_missing"),
        ('driver = "ds18b20"\nsensors = ["28-0316a2794bff"]', "setting_not_inline"),
        ('driver = "ds18b20"\nsensors = { room = "28-0316A2794BFF" }', "w1_sensor_number"),
        ('driver = "gpio"\nchip = "/dev/gpiochip0"\ninputs = "door"', "setting_not_inline"),
        ('driver = "gpio"\nchip = "/dev/gpiochip0"\ninputs.door = 17', "setting_not_inline"),
    ],
)
def test_a_table_of_a_device_is_written_in_braces(tmp_path: Path, wrong: str, code: str) -> None:
    """A heading of its own would begin another table of the file."""
    (problem,), _ = found(tmp_path, f'[[device]]\nid = "d"\n{wrong}\n')
    assert problem.error.code == code
    assert "{ ... }" in problem.told("en")[-1] or code == "w1_sensor_number"


def test_rtu_over_tcp_is_no_driver_of_its_own(tmp_path: Path) -> None:
    """What it is called here is said, and no name that is nearly alike."""
    (problem,), _ = found(tmp_path, BUS.replace("modbus_rtu", "modbus_rtu_tcp"))
    assert problem.error.code == "bus_driver_unknown"
    assert problem.similar is None
    assert 'modbus_rtu with port = "tcp://' in problem.told("en")[-1]


@pytest.mark.parametrize(
    ("device", "line", "code"),
    [
        ('driver = "ds18b20"\nsensors = { room = "28-1" }\n', 7, None),
        (
            'driver = "gpio"\nchip = "/dev/gpiochip0"\ninputs.door = { line = 17, pair = "gate" }\n',
            8,
            "contact_pair_unknown",
        ),
        ('driver = "gpio"\nchip = "/dev/gpiochip0"\ninputs.door = { line = "17" }\n', 7, None),
    ],
)
def test_other_devices_with_points_of_their_own(tmp_path: Path, device: str, line: int, code: str | None) -> None:
    """A wrong key is told at its line, and hides nothing and breaks nothing."""
    rule = '[[rule]]\nid = "r"\nrule = "temperature"\npoint = "d.room"\nprofile = "gsp-cold-2-8"\n'
    problems, _ = found(tmp_path, f'[[device]]\nid = "d"\n{device}{rule}')
    assert problems
    if code:
        assert (problems[0].line, problems[0].error.code) == (line, code)
