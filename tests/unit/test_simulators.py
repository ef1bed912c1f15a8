"""The program that starts the simulators."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from firmware_sim.__main__ import MODULES, simulator
from firmware_sim.faults import FAULTS
from firmware_sim.modbus_desk import BoardDesk
from firmware_sim.steering import described
from support.sims import StartSim

DOCUMENT = (Path(__file__).parents[2] / "docs/simulators.md").read_text(encoding="utf-8")
MODBUS = [kind for kind, module in MODULES.items() if module == "modbus"]
GROUPS = {
    "each Modbus kind": MODBUS,
    "each with named values": [kind for kind in MODBUS if simulator(kind).COMMANDED[kind] is BoardDesk],
}
"""How the document calls several kinds at once."""


def test_the_table_names_every_kind_of_every_module() -> None:
    """A kind that a module has can be started, and the table promises none that is not there."""
    offered = {
        kind: module for module in set(MODULES.values()) for kind in import_module(f"firmware_sim.{module}").KINDS
    }
    assert offered == MODULES


def test_help_lists_every_kind() -> None:
    """Someone who knows no kind is told all of them."""
    help_ = subprocess.run([sys.executable, "-m", "firmware_sim", "--help"], check=True, capture_output=True, text=True)
    assert all(f"  {kind} " in help_.stdout for kind in MODULES)


@pytest.mark.parametrize("kind", {simulator(kind).COMMANDED[kind]: kind for kind in MODULES}.values())
def test_help_of_a_kind_lists_its_commands(kind: str) -> None:
    """With their arguments and a line for each, whoever obeys them."""
    lines = _sim(kind, "--help").stdout.splitlines()
    for name, (arguments, what) in described(simulator(kind).COMMANDED[kind]).items():
        place = lines.index(f"  {name} {arguments}".rstrip())
        assert what and lines[place + 1].strip() == what


NONE = 'a command is one line of JSON, {"do": NAME, ...}'


async def test_a_command_that_cannot_be_is_told_why(sim: StartSim) -> None:
    """In a sentence, with what there is; and the simulator goes on."""
    modem = await sim("modem")
    assert modem.process.stdin and modem.process.stdout
    for line, why in (
        ("rubbish", NONE),
        ("[]", NONE),
        ('{"do": 5}', NONE),
        ('{"do": "sms"}', "there is no command sms; there are: drafts, fault, "),
        ('{"do": "sms_in", "text": "hi"}', "sms_in takes number text [without=0], not text"),
        ('{"do": "fault", "kind": "nonsense"}', "faults: "),
        ('{"do": "pdu_in", "hex": 5}', "an argument is of the wrong kind (TypeError: "),
    ):
        modem.process.stdin.write(f"{line}\n".encode())
        answer = json.loads(await modem.process.stdout.readline())
        assert (answer["ok"], answer["why"].startswith(why)) == (False, True), answer
    await modem.command("signal", rssi=5)


def test_the_document_has_every_command_of_every_kind() -> None:
    """And promises none that is not there."""
    said = {
        (kind, command, what)
        for kinds, command, what in re.findall(
            r"^\| (`[a-z].*?|each .*?) \| `(.+?)` \| (.+) \|$", DOCUMENT, re.MULTILINE
        )
        for kind in (kind for name in kinds.split(", ") for kind in GROUPS.get(name, [name.strip("`")]))
    }
    assert said == {
        (kind, f"{name} {arguments}".rstrip(), what)
        for kind in MODULES
        for name, (arguments, what) in described(simulator(kind).COMMANDED[kind]).items()
    }


def test_help_and_document_have_each_fault() -> None:
    """With what happens then."""
    lines = _sim("renke", "--help").stdout.splitlines()
    assert all(f"  {fault:16} {what}" in lines for fault, what in FAULTS.items())
    assert dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)).items() >= FAULTS.items()


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_port_never_replaces_anything_but_a_link(tmp_path: Path, kind: str) -> None:
    """What stands there stays, and it is said in one line."""
    port = tmp_path / "port"
    port.write_text("precious") if kind == "file" else port.mkdir()
    refused = _sim("scanner", "--port", str(port))
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert str(port) in refused.stderr
    assert port.read_text() == "precious" if kind == "file" else port.is_dir()


@pytest.mark.parametrize(
    ("slave", "said"), [("300=xy-md02", "from 1 to 247"), ("x=renke", "from 1 to 247"), ("1=nix", "families: xy-md02,")]
)
def test_a_wrong_slave(slave: str, said: str) -> None:
    """What is wrong with it stands in the answer."""
    refused = _sim("modbus", "--slave", slave)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"{slave}: " in refused.stderr and said in refused.stderr


def test_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """No trace of the program's inside where a directory is missing."""
    log = tmp_path / "missing" / "wire.jsonl"
    refused = _sim("scanner", "--log", str(log))
    assert (refused.returncode, refused.stderr) == (2, f"{log}: No such file or directory\n")


async def test_left_over_link_is_replaced_and_a_file_beside_it_stays(sim: StartSim, tmp_path: Path) -> None:
    """A killed simulator does not hinder the next one."""
    port, beside = tmp_path / "port", tmp_path / "port.new"
    beside.write_text("precious")
    port.symlink_to("/dev/pts/left-over")
    one = await sim("scanner", "--port", str(port), "--every", "0")
    assert one.endpoint == str(port)
    assert port.resolve().is_char_device()
    assert beside.read_text() == "precious"


async def test_unplug_takes_away_its_own_link_alone(sim: StartSim, tmp_path: Path) -> None:
    """What somebody else has put in its place stays, also when the plug is to go in again: then the answer is no."""
    port = tmp_path / "port"
    one = await sim("scanner", "--port", str(port), "--every", "0")
    await one.command("unplug")
    assert not port.is_symlink()
    await one.command("replug")
    port.unlink()
    port.write_text("precious")
    await one.command("unplug")
    with pytest.raises(AssertionError, match="stays as it is"):
        await one.command("replug")
    assert port.read_text() == "precious"
    port.unlink()
    port.symlink_to(tmp_path)
    await one.command("unplug")
    assert port.readlink() == tmp_path


def _sim(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "firmware_sim", *args], capture_output=True, text=True, check=False)
