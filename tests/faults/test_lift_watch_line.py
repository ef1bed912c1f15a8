"""The gateway watches its own line, and tests the alarm's way, with a real broker and a real centre."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Daemon
from gateway.client import DaemonAbsent, ask
from gateway.demo.broker import Broker
from gateway.rules.base import Asked
from gateway.settings.load import load
from model.shipped import shipped
from support.centre import password, running
from support.context import HANG_S, until
from support.sims import StartSim

SITE = """schema = 1
[gateway]
id = "gw-1"
[web]
listen = "127.0.0.1:0"
[sync]
broker = "{broker}"
password_file = "{password}"
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "{port}"
[[device]]
id = "lift1"
driver = "modbus"
bus = "rs485"
slave = 1
profile = "lift-gbt-1"
every_s = 0.2
[[lift]]
id = "l1"
[[rule]]
id = "call"
rule = "lift"
profile = "lift-default"
lift = "l1"
alarm = "lift1.alarm_button"
end = "lift1.inspection"
[[rule]]
id = "watch"
rule = "lift_watch"
profile = "quick"
lift = "l1"
terminal = "lift1"
[[rule]]
id = "test"
rule = "lift_test"
profile = "lift-test-default"
lift = "l1"
"""
QUICK = {"lost_s = 30": "lost_s = 0.5", "line_s = 120": "line_s = 0.2", "clear_s = 10": "clear_s = 0"}


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules' profiles that ship, and one that has less patience."""
    (tmp_path / "rules").mkdir()
    for path in shipped("rules").iterdir():
        (tmp_path / "rules" / path.name).symlink_to(path)
    text = shipped("rules", "lift-watch-default.toml").read_text().replace("lift-watch-default", "quick")
    for patient, hasty in QUICK.items():
        assert patient in text
        text = text.replace(patient, hasty)
    (tmp_path / "rules" / "quick.toml").write_text(text)
    monkeypatch.setattr(
        "gateway.rules.base.shipped", lambda *at: tmp_path.joinpath(*at) if at[0] == "rules" else shipped(*at)
    )


@pytest.mark.usefixtures("quick", "rules")
async def test_line_test_and_call(broker: Broker, sim: StartSim, tmp_path: Path) -> None:
    """The centre has a test's record: it has passed. While a call is open none begins. A line that is cut is an alarm, and heals."""
    lift = await sim("lift-gbt-1", "--baud", "0")
    file = tmp_path / "site.toml"
    file.write_text(SITE.format(broker=broker.url, password=password(broker, "gw-1"), port=lift.endpoint))
    data = tmp_path / "data"
    data.mkdir()
    daemon = Daemon(load(file), data)
    async with running(tmp_path / "centre", broker):
        run = asyncio.create_task(daemon.run())

        def open_() -> list[str]:
            return [alarm.what for alarm in daemon._views.snapshot().alarms]

        async def said(kind: str) -> list[dict[str, Any]]:
            records = await asyncio.to_thread(lambda: list(ask(data, "tail", stream=None, count=200)))
            return [record["body"] for record in records if record["kind"] == kind]

        try:
            await _until_said(said, "lift.test/1", 2)
            begun, passed = await said("lift.test/1")
            assert (begun["phase"], passed["phase"], passed["test"]) == ("begun", "passed", begun["test"])
            await _until_said(said, "lift.event/1", 1)  # the mode: it has been read
            await lift.command("press")
            test = daemon._pipeline.rule("test")
            assert test
            await until(lambda: daemon._pipeline.state(test).busy)
            assert open_() == ["lift_alarm"]
            daemon._pipeline.tell(test, Asked("test", "wang"))
            assert len(await said("lift.test/1")) == 2, "it waits for the end of the call"
            broker.kill()
            await until(lambda: sorted(open_()) == ["lift_alarm", "line_lost"])
            broker.start()
            await until(lambda: open_() == ["lift_alarm"])
            await lift.command("fault", kind="silent")
            await until(lambda: sorted(open_()) == ["lift_alarm", "terminal_lost"])
            codes = [(body["what"], body["code"], body.get("seq")) for body in await said("lift.event/1")]
            assert codes == [("mode", "normal", None), ("alarm", "alarm_button", 1)]
        finally:
            run.cancel()
            with suppress(asyncio.CancelledError):
                await run


async def _until_said(said: Any, kind: str, count: int) -> None:
    async with asyncio.timeout(HANG_S):
        while True:
            with suppress(OSError, DaemonAbsent):
                if len(await said(kind)) >= count:
                    return
            await asyncio.sleep(0.02)
