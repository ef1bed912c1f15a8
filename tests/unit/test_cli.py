"""The real command line in processes of its own, against the real control socket."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from gateway.cli import tree
from gateway.cli.show import Show
from gateway.datadir import claimed
from gateway.status import LinkNow, Problem, SealedNow, StoreNow
from support.cold_room import ColdRoom
from support.control import serving

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "settings"
EXAMPLE = ROOT / "config" / "examples" / "cold-room.toml"
PLAIN = {name: value for name, value in os.environ.items() if name not in {"DOORPOST_DATA", "LC_ALL", "LC_MESSAGES"}}
PLAIN |= {"DOORPOST_LANG": "en", "TZ": "UTC"}

OBSERVATIONS: list[dict[str, Any]] = [
    {
        "kind": "poll",
        "device": "room1",
        "at": 1_700_000_000_000_000,
        "points": {
            "temperature": {"value": 4.2, "unit": "Cel", "quality": "good"},
            "humidity": {"value": None, "unit": "%", "quality": "stale"},
        },
    },
    {"kind": "scan", "device": "room1", "at": 1_700_000_001_000_000, "text": "6901234567892", "aim": "]E0"},
    {"kind": "tag", "device": "room1", "at": 1_700_000_002_000_000, "epc": "30361FAC68103D40", "count": 3},
]
RECORD = {"stream": "event", "seq": 7, "kind": "scan/1", "at": 1_700_000_000_000_000, "body": {"d": "门"}}


class Daemon(ColdRoom):
    """Some observations and then silence; one record."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = asyncio.Event()

    async def watch(self, device: str) -> AsyncIterator[dict[str, Any]]:
        if device != "room1":
            raise KeyError(device)
        for one in OBSERVATIONS:
            yield one
        self.silent.set()
        await asyncio.Event().wait()

    async def tail(self, stream: str | None, count: int, follow: bool) -> AsyncIterator[dict[str, Any]]:
        yield RECORD | {"stream": stream or "event", "seq": count}
        if follow:
            self.silent.set()
            await asyncio.Event().wait()


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon's socket in `tmp_path`."""
    backend = Daemon()
    async with serving(tmp_path, backend):
        yield backend


async def start(*args: str, env: dict[str, str] = PLAIN) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "gateway.cli", *args)
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe)


async def doorpost(*args: str, env: dict[str, str] = PLAIN) -> tuple[int | None, str, str]:
    """Exit code, standard output, standard error."""
    process = await start(*args, env=env)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_every_command_and_option_has_help(lang: str) -> None:
    """In both languages, and no key of the catalogue shows through."""
    for path, command in commands(tree(lang)):
        assert command.help and not command.help.startswith("cli."), path
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help and not param.help.startswith("cli."), (path, param.name)


def test_every_command_is_documented() -> None:
    """Each command has its heading in docs/cli.md and nothing else has; each of its options stands there."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    leaves = {" ".join(path): one for path, one in commands(tree("en")) if not isinstance(one, click.Group)}
    assert set(re.findall(r"^## doorpost (.*)$", page, re.MULTILINE)) == set(leaves)
    for command in leaves.values():
        for param in command.params:
            for option in param.opts:
                if isinstance(param, click.Option):
                    assert option in page, option


async def loaded_by(use: str) -> set[str]:
    """Which modules there are in a process that has used `root`, the tree of commands."""
    program = f"import sys, click; from gateway.cli import tree; root = tree('en'); {use}; print(*sys.modules)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    return set((await process.communicate())[0].decode().split())


async def test_help_is_quick() -> None:
    """The help loads none of the heavy libraries."""
    loaded = {name.partition(".")[0] for name in await loaded_by("root.get_help(click.Context(root))")}
    assert "gateway" in loaded
    assert not {"apsw", "asyncio", "cryptography", "cv2", "paho", "pydantic", "rich", "starlette"} & loaded


async def test_a_command_loads_no_other() -> None:
    """The daemon keeps for ever what it has imported."""
    loaded = {name for name in await loaded_by("root.commands['run']") if name.startswith("gateway.cli.")}
    assert loaded == {"gateway.cli.leaf", "gateway.cli.run", "gateway.cli.show"}


async def test_config_check_of_a_right_file() -> None:
    """0, with a sentence or a document."""
    code, out, err = await doorpost("config", "check", str(EXAMPLE))
    assert (code, err) == (0, "")
    assert out == f"{EXAMPLE} is right. Devices: 6, rules: 2, warnings: 0\n"
    code, out, _ = await doorpost("config", "check", str(EXAMPLE), "--json")
    assert code == 0
    assert set(json.loads(out)) == {"file", "sha256", "codes", "warnings"}


@pytest.mark.parametrize("command", [("config", "check"), ("run", "--config")], ids=" ".join)
async def test_wrong_settings_are_exit_78(command: tuple[str, ...]) -> None:
    """All problems are listed, in words for people and as one document for programs; `run` says the same as `check`."""
    site = CASES / "wrong-values" / "site.toml"
    expected = (site.parent / "expected.txt").read_text(encoding="utf-8").replace("site.toml", str(site))
    code, out, err = await doorpost(*command, str(site))
    assert (code, out) == (78, "")
    assert err.startswith(expected)
    code, out, err = await doorpost(*command, str(site), "--json")
    assert (code, err) == (78, "")
    document = json.loads(out)
    assert document["error"]["code"] == "settings_invalid"
    assert len(document["problems"]) == int(document["error"]["params"]["count"])
    assert [one["line"] for one in document["problems"]] == [int(n) for n in re.findall(r"toml:(\d+):", expected)]
    assert document["problems"][3]["similar"] == "language"


@pytest.mark.parametrize("file", ["no.toml", ".", "/"])
async def test_a_missing_settings_file_is_exit_78(tmp_path: Path, file: str) -> None:
    """Not a usage error: the caller's command line is right. A folder, also one without a name of its own, is none either."""
    code, _, err = await doorpost(
        "config", "check", str(tmp_path / file) if file == "no.toml" else file, "--lang", "zh"
    )
    assert code == 78
    assert "无法读取配置文件" in err


@pytest.mark.parametrize(
    "args",
    [
        ("device", "list"),
        ("device", "watch", "room1"),
        ("view", "plot", "a.b"),
        ("store", "status"),
        ("store", "tail", "-f"),
    ],
    ids=" ".join,
)
async def test_without_a_daemon_it_is_exit_4(tmp_path: Path, args: tuple[str, ...]) -> None:
    """With the way to start one; the directory may come from the environment."""
    code, out, err = await doorpost(*args, env=PLAIN | {"DOORPOST_DATA": str(tmp_path)})
    assert (code, out) == (4, "")
    assert f"doorpost run --config FILE --data {tmp_path}" in err
    code, out, err = await doorpost(*args, "--json", "--data", str(tmp_path))
    assert (code, err) == (4, "")
    assert json.loads(out)["error"]["code"] == "daemon_absent"


@pytest.mark.parametrize("args", [("no-such",), ("device",), ("store", "tail", "alarms"), ("run",)], ids=" ".join)
async def test_a_wrong_command_line_is_exit_2(args: tuple[str, ...]) -> None:
    """Unknown commands, missing sub-commands and options, values that are not allowed."""
    assert (await doorpost(*args))[0] == 2


async def test_a_directory_in_use_is_exit_78(tmp_path: Path) -> None:
    """The second `doorpost run` on a data directory says so before it touches anything."""
    with claimed(tmp_path):
        code, _, err = await doorpost("run", "--config", str(EXAMPLE), "--data", str(tmp_path))
    assert code == 78
    assert "already running" in err


async def test_device_list(daemon: Daemon, tmp_path: Path) -> None:
    """Devices with values and what is wrong; 3 while one cannot be reached, 0 once all can."""
    code, out, _ = await doorpost("device", "list", "--data", str(tmp_path))
    rows = out.splitlines()
    assert code == 3
    assert rows[0].split() == ["Device", "Driver", "Health", "Last", "seen", "Values"]
    assert rows[1].endswith("temperature 4.2 °C, humidity 61.5 %")
    assert "humidity out of date" in rows[2]
    assert "scan1: The connection to /dev/serial/by-id/usb-scanner broke off (unplugged)" in rows
    daemon.show_device("scan1", health="online", problem=None)
    code, out, _ = await doorpost("device", "list", "--data", str(tmp_path), "--json")
    assert code == 0
    assert json.loads(out)["devices"] == json.loads(msgspec.json.encode(daemon.snapshot().devices))


async def test_device_watch_until_ctrl_c(daemon: Daemon, tmp_path: Path) -> None:
    """Each observation at once, as JSON lines or words; Ctrl-C is its orderly end."""
    for more, expected in (
        (["--json"], [json.dumps(one, ensure_ascii=False) for one in OBSERVATIONS]),
        (
            [],
            [
                "2023-11-14 22:13:20.000+00:00  temperature 4.2 °C, humidity out of date",
                "2023-11-14 22:13:21.000+00:00  6901234567892  ]E0",
                "2023-11-14 22:13:22.000+00:00  30361FAC68103D40  ×3",
            ],
        ),
    ):
        process = await start("device", "watch", "room1", "--data", str(tmp_path), *more)
        assert process.stdout
        assert [(await process.stdout.readline()).decode().rstrip("\n") for _ in expected] == expected
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        assert (process.returncode, out, err) == (0, b"", b"")


async def test_watching_a_device_that_is_not_there(daemon: Daemon, tmp_path: Path) -> None:
    """The daemon's refusal reaches the person."""
    code, _, err = await doorpost("device", "watch", "room9", "--data", str(tmp_path))
    assert code == 1
    assert err.startswith("there is no device room9\n")


async def test_view_plot(daemon: Daemon, tmp_path: Path) -> None:
    """A day of this machine, hour by hour for people, minute by minute for programs; a fault is counted and no number."""
    args = ("view", "plot", "room1.temperature", "--day", "2026-11-20", "--data", str(tmp_path))
    code, out, err = await doorpost(*args)
    assert (code, err) == (0, "")
    rows = [re.split(r" {2,}", row) for row in out.splitlines()]
    assert rows[:2] == [
        ["Hour", "lowest", "highest", "last", "good values", "faults"],
        ["00:00", "3", "5.6", "4.6", "3600", "–"],
    ]
    assert rows[11] == ["10:00", "–", "–", "–", "0", "1800"]
    assert rows[12] == ["11:00", "3.6", "5.8", "4.8", "1770", "30"]
    daemon.behind = 7
    code, out, err = await doorpost(*args)
    assert "7 of them are still to come" in err
    document = json.loads((await doorpost(*args, "--json"))[1])
    assert document["since"] == 1_795_132_800_000_000 == document["minutes"][0]["t"]
    assert document["until"] - document["since"] == 86_400_000_000


async def test_view_plot_of_what_is_not_there(daemon: Daemon, tmp_path: Path) -> None:
    """The daemon's refusal, and a command line that names no point of a device."""
    code, _, err = await doorpost("view", "plot", "room1.colour", "--data", str(tmp_path))
    assert (code, err.splitlines()[0]) == (1, "The device room1 has no point colour")
    for wrong in ("room1", ".colour", "room1."):
        assert (await doorpost("view", "plot", wrong, "--data", str(tmp_path)))[0] == 2


async def test_view_rebuild(daemon: Daemon, tmp_path: Path) -> None:
    """Tells how far it is until it is done."""
    code, out, _ = await doorpost("view", "rebuild", "--data", str(tmp_path))
    assert (code, out.splitlines()) == (0, ["0 of 10 records", "5 of 10 records", "10 of 10 records"])
    code, out, _ = await doorpost("view", "rebuild", "--data", str(tmp_path), "--json")
    assert [json.loads(line)["done"] for line in out.splitlines()] == [0, 5, 10]


async def test_store_status(daemon: Daemon, tmp_path: Path) -> None:
    """The counts of each stream; 1 when records cannot be stored."""
    code, out, _ = await doorpost("store", "status", "--data", str(tmp_path))
    assert code == 0
    assert re.search(r"reading +15230 +15180 +50 +0 +0 +7f3a", out)
    assert "On the disk: 1.2 GiB of at most 3.8 GiB. What must stay takes 4 % of that.\n" in out
    daemon.show(store_ok=False)
    code, out, _ = await doorpost("store", "status", "--data", str(tmp_path), "--json")
    assert code == 1
    assert json.loads(out)["streams"][0]["captured"] == 4
    daemon.show(store_ok=True, store=StoreNow(10**9, 10**9, 1.0, True))
    code, out, _ = await doorpost("store", "status", "--data", str(tmp_path))
    assert (code, out.splitlines()[-1]) == (1, "The store is full: no readings are kept any more, alarms still are")


async def test_store_status_tells_what_is_wrong(daemon: Daemon, tmp_path: Path) -> None:
    """A closed store, a link with a problem, a disk without room: each in words, with what to do where that is known."""
    link = LinkNow("online", "mqtts://b", "up", 0, Problem("store_forked", {"stream": "reading", "upto": "9"}), 3)
    sealed = [SealedNow("81b0", "damaged", ["core-000002.db.damaged"])]
    daemon.show(link=link, sealed=sealed, store=StoreNow(10**9, 0, 1.0, False))
    _, out, _ = await doorpost("store", "status", "--data", str(tmp_path))
    said = out.splitlines()
    assert "On the disk: 953.7 MiB. The disk is full or too small: there is no room left for more." in said
    assert any(line.startswith("Store 81b0 was found damaged") for line in said)
    assert any("reading" in line and "9" in line for line in said[-3:])
    assert said[-2].startswith("  → ")
    assert said[-1].endswith(": 3")


async def test_store_tail(daemon: Daemon, tmp_path: Path) -> None:
    """Records as JSON lines or words, and a reader that goes away early is no error of ours."""
    code, out, _ = await doorpost("store", "tail", "alarm", "-n", "5", "--data", str(tmp_path), "--json")
    assert code == 0
    assert json.loads(out) == RECORD | {"stream": "alarm", "seq": 5}
    code, out, _ = await doorpost("store", "tail", "--data", str(tmp_path))
    assert out == '2023-11-14 22:13:20.000+00:00  event/20  scan/1  {"d": "门"}\n'
    process = await start("store", "tail", "-f", "--data", str(tmp_path))
    await daemon.silent.wait()
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 0


async def test_other_programs_get_the_command_line_as_it_stands() -> None:
    """`doorpost sim` is the simulators' own program, help and options included."""
    code, out, _ = await doorpost("sim", "--help")
    assert code == 0
    assert out.startswith("usage: doorpost sim KIND") and "xy-md02" in out
    assert (await doorpost("sim", "modbus", "--help"))[1].startswith("usage: doorpost sim modbus ")
    assert (await doorpost("sim", "no-such-kind", "--lang"))[0] == 2


@pytest.mark.parametrize("command", [("driver", "list"), ("central", "lifts", "--data", "nowhere")])
async def test_the_same_languages_everywhere(command: tuple[str, ...]) -> None:
    """Another one is refused, not taken for English."""
    for lang in ("zh", "zh-CN", "en"):
        assert (await doorpost(*command, "--lang", lang))[0] != 2
    assert (await doorpost(*command, "--lang", "fr"))[0] == 2


async def test_a_table_on_a_terminal_has_a_frame() -> None:
    """On a terminal rich draws the table; NO_COLOR takes the colours away."""
    master, slave = os.openpty()
    program = "from gateway.cli.show import Show; Show('en', as_json=False).table(['cli.column.store'], [['[7f3a]']])"
    env = PLAIN | {"NO_COLOR": "1", "TERM": "xterm-256color"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=slave, cwd=ROOT, env=env)
    await process.wait()
    os.close(slave)
    shown = os.read(master, 4096).decode()
    os.close(master)
    assert "┃" in shown
    assert "[7f3a]" in shown
    assert "\x1b[3" not in shown


def test_columns_line_up_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    """A Chinese character takes two columns."""
    Show("zh-CN", as_json=False).table(["cli.column.driver", "cli.column.store"], [["modbus", "1"], ["扫描", "2"]])
    assert capsys.readouterr().out.splitlines() == ["驱动    存储", "modbus  1", "扫描    2"]
