"""The serial ports of a machine, as its /dev, /sys and /proc tell of them."""

import grp
import json
import os
import pwd
from pathlib import Path

import pytest

from drivers.common.ports import Found, FoundPort, find_ports, holders_of
from gateway.cli.discover import tell_ports
from gateway.cli.leaf import Exit
from gateway.cli.show import Show
from support.serial_tree import SerialTree, pi_with_four_adapters


def by_node(found: Found) -> dict[str, FoundPort]:
    return {Path(port.node).name: port for port in found.ports}


def problems(port: FoundPort) -> set[str]:
    return {problem.code for problem in port.problems}


def test_each_port_has_a_name_that_stays(tmp_path: Path) -> None:
    """By serial number where there is one, else by socket; the board's own by the board's alias."""
    tree = pi_with_four_adapters(tmp_path)
    ports = by_node(find_ports(tree.machine))
    serial = tree.dev / "serial"
    assert {node: (port.name, port.why) for node, port in ports.items()} == {
        "ttyAMA0": (str(tree.dev / "serial0"), "built_in"),
        "ttyUSB0": (str(serial / "by-id/usb-Maker_FT232R_USB_UART_A50285BI-if00-port0"), "serial_number"),
        "ttyUSB1": (str(serial / "by-path/platform-usb-usb-0:1.2:1.0-port0"), "no_serial_number"),
        "ttyUSB2": (str(serial / "by-path/platform-usb-usb-0:1.3:1.0-port0"), "no_serial_number"),
        "ttyACM0": (str(serial / "by-id/usb-Maker_Barcode_Scanner_SN-77-if00"), "serial_number"),
    }
    assert not ports["ttyUSB1"].by_id, "the second of its kind has taken the name"
    assert all(Path(port.name).resolve() == Path(port.node) for port in ports.values())


def test_what_the_adapters_are(tmp_path: Path) -> None:
    """The chip where the kernel's drivers know it; a scanner is no chip but says what it is."""
    ports = by_node(find_ports(pi_with_four_adapters(tmp_path).machine))
    said = {
        node: (port.adapter.id, port.adapter.chip, port.adapter.product) for node, port in ports.items() if port.adapter
    }
    assert said == {
        "ttyUSB0": ("0403:6001", "FTDI FT232R", "FT232R_USB_UART"),
        "ttyUSB1": ("1a86:7523", "WCH CH340", "USB_Serial"),
        "ttyUSB2": ("1a86:7523", "WCH CH340", "USB_Serial"),
        "ttyACM0": ("0c2e:0901", None, "Barcode_Scanner"),
    }


def test_one_of_a_kind_that_has_no_numbers(tmp_path: Path) -> None:
    """Its name by-id would go to the next of its kind."""
    tree = SerialTree(tmp_path)
    tree.adapter("ttyUSB0", "1.1", "067b:2303", "USB-Serial_Controller")
    (port,) = find_ports(tree.machine).ports
    assert (len(port.by_id), port.name, port.why) == (1, port.by_path[0], "no_serial_number")


def test_clones_with_one_serial_number_are_told_by_their_sockets(tmp_path: Path) -> None:
    """CP2102 clones all bear 0001."""
    tree = SerialTree(tmp_path)
    for n in (0, 1):
        tree.adapter(f"ttyUSB{n}", f"1.{n}", "10c4:ea60", "CP2102", "0001")
    ports = find_ports(tree.machine).ports
    assert [port.why for port in ports] == ["serial_number_twice"] * 2
    assert ports[0].name != ports[1].name


def test_without_udev_there_is_only_the_kernels_name(tmp_path: Path) -> None:
    """And it is said that it may change."""
    tree = SerialTree(tmp_path)
    tree.adapter("ttyUSB0", "1.1", "0403:6001", "FT232R", "A5")
    for link in (tree.dev / "serial").glob("by-*/*"):
        link.unlink()
    (port,) = find_ports(tree.machine).ports
    assert (port.name, port.why) == (str(tree.dev / "ttyUSB0"), "no_stable_name")


def test_who_holds_a_port(tmp_path: Path) -> None:
    """By name and number; the gateway itself is no problem."""
    tree = pi_with_four_adapters(tmp_path)
    tree.process(99, "doorpost", "ttyUSB0")
    ports = by_node(find_ports(tree.machine))
    assert [str(holder) for holder in ports["ttyUSB2"].holders] == ["minicom (4711)"]
    assert problems(ports["ttyUSB2"]) == {"port_held"}
    assert [str(holder) for holder in ports["ttyUSB0"].holders] == ["doorpost (99)"]
    assert "port_held" not in problems(ports["ttyUSB0"])
    assert [str(h) for h in holders_of(ports["ttyUSB2"].name, tree.machine)] == ["minicom (4711)"]


def test_this_process_is_found_on_a_real_terminal() -> None:
    """/proc is read as it really is."""
    master, slave = os.openpty()
    from drivers.common.ports import Machine

    try:
        assert os.getpid() in {holder.pid for holder in holders_of(os.ttyname(slave), Machine())}
    finally:
        os.close(master)
        os.close(slave)


def test_troublemakers(tmp_path: Path) -> None:
    """Each is named at the ports that it troubles, and nowhere else."""
    tree = pi_with_four_adapters(tmp_path)
    tree.process(50, "ModemManager")
    tree.process(51, "brltty")
    tree.consoles("tty0", "ttyAMA0")
    assert {node: problems(port) for node, port in by_node(find_ports(tree.machine)).items()} == {
        "ttyAMA0": {"port_console"},
        "ttyUSB0": {"port_modemmanager", "port_latency"},
        "ttyUSB1": {"port_modemmanager", "port_brltty"},
        "ttyUSB2": {"port_modemmanager", "port_brltty", "port_held"},
        "ttyACM0": {"port_modemmanager"},
    }


@pytest.mark.parametrize(("brltty", "code"), [(True, "adapter_taken"), (False, "adapter_without_port")])
def test_an_adapter_that_has_no_port(tmp_path: Path, brltty: bool, code: str) -> None:
    """It is plugged in, and no port is there: that has a reason. A keyboard needs none."""
    tree = SerialTree(tmp_path)
    tree.usb("1.2", "1a86:7523", "USB_Serial")
    tree.usb("1.3", "046d:c31c", "Keyboard")
    if brltty:
        tree.process(51, "brltty")
    found = find_ports(tree.machine)
    assert (found.ports, [problem.code for problem in found.problems]) == ((), [code])


def permission(root: Path, mode: int, gid: int) -> tuple[str, dict[str, object]]:
    tree = SerialTree(root, may_open=lambda _: False)
    tree.adapter("ttyUSB0", "1.1", "0403:6001", "FT232R", "A5")
    (tree.dev / "ttyUSB0").chmod(mode)
    if os.geteuid() == 0:
        os.chown(tree.dev / "ttyUSB0", -1, gid)
    (port,) = find_ports(tree.machine).ports
    (problem,) = port.problems
    return problem.code, problem.params


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to any group")
def test_the_way_to_permission(tmp_path: Path) -> None:
    """The group that owns the port; where that would not help, the other way."""
    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrnam("dialout")
    code, params = permission(tmp_path / "a", 0o660, group.gr_gid)
    assert (code, params["user"], params["group"]) == ("port_not_permitted", user, "dialout")
    assert permission(tmp_path / "b", 0o600, group.gr_gid)[0] == "port_root_only"
    assert permission(tmp_path / "c", 0o660, 0)[0] == "port_root_only"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to any group")
def test_a_user_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: the number is told."""
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    _, params = permission(tmp_path / "a", 0o660, grp.getgrnam("dialout").gr_gid)
    assert params["user"] == str(os.geteuid())


def test_a_file_that_may_not_be_opened_is_not_permitted(tmp_path: Path) -> None:
    """The real question to the kernel."""
    from drivers.common.ports import Machine

    node = tmp_path / "ttyUSB0"
    node.touch(0o660)
    assert Machine().may_open(node)
    assert not Machine().may_open(tmp_path / "gone")


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_told_to_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    """A row for each port, a line why it is called so, and what is wrong with what to do."""
    tree = pi_with_four_adapters(tmp_path)
    assert tell_ports(Show(lang, as_json=False), find_ports(tree.machine)) == Exit.PROBLEM
    said = capsys.readouterr().out
    assert said.count("by-path/platform-usb-usb-0:1.2:1.0-port0") == 1
    assert "minicom (4711)" in said
    assert f"echo 1 | sudo tee {tree.machine.sys}/bus/usb-serial/devices/ttyUSB0/latency_timer" in said
    assert "…" not in said
    assert not {"error.", "discover."} & set(said.split())


def test_told_to_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document; a machine without anything is well too."""
    tell_ports(Show("en", as_json=True), find_ports(pi_with_four_adapters(tmp_path / "pi").machine))
    ports = {port["node"]: port for port in json.loads(capsys.readouterr().out)["ports"]}
    taken = ports[str(tmp_path / "pi/dev/ttyUSB2")]
    assert taken["holders"] == [{"pid": 4711, "name": "minicom"}]
    assert taken["problems"][0]["code"] == "port_held"
    assert taken["adapter"]["serial_number"] is None
    assert tell_ports(Show("en", as_json=True), find_ports(SerialTree(tmp_path / "bare").machine)) == Exit.OK
    assert json.loads(capsys.readouterr().out) == {"ports": [], "problems": [], "hidden_processes": 0}
