"""`doorpost demo` as a user starts it: the story to its end, and all that it started gone, however it ends."""

import asyncio
import fcntl
import json
import os
import signal
import sys
from asyncio import StreamReader
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(900)  # one may have to wait for another


@pytest.fixture(autouse=True)
def one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In whatever process the tests run: of two that begin in one moment both would find the same port free."""
    with open(tmp_path_factory.getbasetemp().parent / "demo.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def demo(*options: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "demo", "--headless", *options, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )


def kill(process: Process) -> None:
    with suppress(ProcessLookupError):  # it has ended
        process.kill()


def processes(directory: Path) -> list[str]:
    """Command lines that name the demo's directory: the programs that it started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if str(directory) in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found


async def until_told(story: StreamReader | None, words: str) -> None:
    assert story
    while words not in (line := (await story.readline()).decode()):
        assert line, "the demo has ended"


async def gone(directory: Path) -> None:
    """Until nothing that names the directory runs; the test's own time limit ends it."""
    while True:
        if not processes(directory):
            return
        await asyncio.sleep(0.05)


async def test_the_story_ends_well(tmp_path: Path) -> None:
    """With either broker, side by side."""
    # where one fails the other is not left to the tests that follow
    async with AsyncExitStack() as ended, asyncio.TaskGroup() as stories:
        for broker in ("mosquitto", "amqtt"):
            process = await demo("--lang", "en", "--json", "--broker", broker, "--keep", str(tmp_path / broker))
            ended.push_async_callback(process.wait)
            ended.callback(kill, process)
            # then the port of its page is taken, and the next one finds another
            await until_told(process.stderr, "The door is open")
            stories.create_task(ended_well(process, broker))
    assert processes(tmp_path) == []


async def ended_well(process: Process, broker: str) -> None:
    """Exit 0; the last line says how much was sent, arrived and acknowledged, and why the rest is missing."""
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    document: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    assert document["ok"]
    assert document["problems"] == []
    assert document["broker"] == broker
    for stream in document["streams"].values():
        assert stream["captured"] == stream["acknowledged"] > 0
        assert stream["on_disk"] == stream["at_centre"]
        assert stream["waiting"] == stream["lost"] == 0
    assert (
        document["rehash"]["rows"]
        == document["rehash"]["ok"]
        == sum(s["on_disk"] for s in document["streams"].values())
    )
    alarms = {alarm["what"]: alarm for alarm in document["alarms"]}
    assert alarms["temperature_high"]["state"] == "cleared"
    assert alarms["lift_alarm"]["state"] == "ended"
    assert alarms["lift_alarm"]["acknowledged_by"] == "Li Na"
    assert alarms["lift_alarm"]["to_acknowledged_s"] > 0
    for device in document["wire"].values():
        assert device["sent"] == device["arrived"] + sum(device["missing"].values())
    assert document["wire"]["door-scanner"]["missing"] == {}
    assert {dead["why"] for dead in document["dead_times"]} >= {"first", "crash"}


async def test_a_passenger_is_rescued(tmp_path: Path) -> None:
    """The other story: one alarm through a dead network and a power cut, then one that is late; each once, as it was on the wires."""
    process = await demo("--scenario", "lift-trapped", "--lang", "en", "--json", "--keep", str(tmp_path / "site"))
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    document: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    assert document["problems"] == []
    for rescue in document["rescues"]:
        kinds = [line["kind"] for line in rescue["timeline"]]
        wires = {line["wire"] for line in rescue["timeline"]}
        assert (kinds[0], kinds[-1]) == ("alarm.raised/1", "alarm.ended/1")
        assert {"press", "yellow", "green", "voice", "badge", "key"} <= wires
        assert len(rescue["incidents"]) == 1
    first, late = document["rescues"]
    assert {"sms", "dialler"} <= {line["wire"] for line in first["timeline"]}
    assert "arrive" in late["overdue"]
    assert processes(tmp_path) == []


async def test_interrupted_it_stops_everything(tmp_path: Path) -> None:
    """Ctrl-C in the middle of the story: exit code 130, and no process is left."""
    process = await demo("--lang", "en", "--keep", str(tmp_path / "site"))
    await until_told(process.stdout, "The door is open")
    assert processes(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert process.returncode == 130, err.decode()
    assert "Stopped" in out.decode()
    assert processes(tmp_path) == []


async def test_killed_it_leaves_nothing_running(tmp_path: Path) -> None:
    """kill -9 of the demo itself: the kernel ends what it started."""
    process = await demo("--lang", "en", "--keep", str(tmp_path / "site"))
    await until_told(process.stdout, "gateway are started")
    assert processes(tmp_path)
    process.kill()
    await process.wait()
    await gone(tmp_path)


async def test_a_directory_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Nothing is started in a directory that has something in it."""
    (tmp_path / "mine").touch()
    process = await demo("--json", "--keep", str(tmp_path))
    out, _ = await process.communicate()
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "demo_directory"
