"""What rules want sent: through real drivers and simulated modems, and through a whole gateway that is killed meanwhile."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from drivers.modem.config import ModemConfig
from drivers.modem.driver import ModemDevice
from gateway import messenger as module
from gateway.client import ask
from gateway.messenger import Messenger
from gateway.rules.base import Message, Rule, Sent
from gateway.settings.schema import Configured
from gateway.supervisor import Supervised
from model.errors import DoorpostError, TransientError
from model.ports import Health
from support.context import SystemClock, until
from support.sims import Sim, StartSim
from support.small_gateway import doorpost, gateway, settings

PERSON = "+8613800138000"


class Wanting:
    """A rule, as far as the messenger knows one."""

    id = "lift-1"


RULE = cast(Rule, Wanting())


class Site:
    """Modems with their drivers at work, and the messenger; `wanted` is what the rule's state wants until it is sent."""

    def __init__(self) -> None:
        self.devices: dict[str, Supervised] = {}
        self.wanted: dict[str, Message] = {}
        self.told: list[Sent] = []
        self.messenger = Messenger(self.devices, self._tell)

    def want(self, *messages: Message) -> None:
        self.wanted = {message.key: message for message in messages}
        self.messenger.want([(RULE, message) for message in messages])

    def _tell(self, rule: Rule, sent: Sent) -> None:
        self.told.append(sent)
        self.want(*(message for key, message in self.wanted.items() if key != sent.key))


def message(n: int, number: str = PERSON) -> Message:
    return Message(str(n), number, f"Nr. {n}")


def delivered(one: Sim) -> list[str]:
    return [line["text"] for line in one.log() if line["event"] == "sms"]


@asynccontextmanager
async def site(monkeypatch: pytest.MonkeyPatch, *modems: Sim, health: Health = Health.ONLINE) -> AsyncIterator[Site]:
    """All of its modems have that health."""
    monkeypatch.setattr(module, "PAUSES_S", (0.05,))
    one = Site()
    for n, modem in enumerate(modems):
        values = {"id": f"sms{n}", "driver": "modem_sms", "port": modem.endpoint, "every_s": 0.05}
        configured = Configured[Any](ModemDevice, ModemConfig.model_validate(values))
        taken: dict[str, Any] = {
            "emit": lambda _: None,
            "commit": lambda _: None,
            "buses": {},
            "on_change": lambda _: None,
        }
        one.devices[f"sms{n}"] = Supervised(f"sms{n}", configured, SystemClock(), **taken)
    tasks = [asyncio.create_task(device.keep()) for device in one.devices.values()]
    tasks.append(asyncio.create_task(one.messenger.run()))
    try:
        await until(lambda: all(device.state is health for device in one.devices.values()))
        yield one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def modem(sim: StartSim, *options: str) -> Sim:
    return await sim("modem", "--every", "0", "--register", "0", "--network", "0", *options)


async def test_sent_once_and_told(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with the network's reference, also where the state says over and over what it wants."""
    one = await modem(sim)
    async with site(monkeypatch, one) as s:
        s.want(message(1), message(2))
        s.want(message(1), message(2))
        await until(lambda: len(s.told) == 2)
        s.want(message(3))
        await until(lambda: len(s.told) == 3)
    assert delivered(one) == ["Nr. 1", "Nr. 2", "Nr. 3"]
    assert s.told == [Sent("1", "sms0", 1), Sent("2", "sms0", 2), Sent("3", "sms0", 3)]


async def test_a_state_that_goes_on_wanting(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent is not sent again before it was wanted no more."""
    one = await modem(sim)
    async with site(monkeypatch, one) as s:
        for _ in range(3):
            s.messenger.want([(RULE, message(1))])
            await until(lambda: len(s.told) == 1)
        s.want(message(2))
        await until(lambda: len(s.told) == 2)
        s.want(message(1))
        await until(lambda: len(s.told) == 3)
    assert delivered(one) == ["Nr. 1", "Nr. 2", "Nr. 1"]


async def test_refused_now_and_then_taken(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried as long as it is wanted."""
    one = await modem(sim)
    async with site(monkeypatch, one) as s:
        await one.command("fault", kind="cms38", count=3)
        s.want(message(1))
        await until(lambda: s.told)
    assert (delivered(one), s.told) == (["Nr. 1"], [Sent("1", "sms0", 1)])


async def test_refused_for_good(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """By all modems: it is told why, and tried no more."""
    one, two = await modem(sim), await modem(sim)
    async with site(monkeypatch, one, two) as s:
        for sim_ in (one, two):
            await sim_.command("fault", kind="cms1")
        s.want(message(1))
        await until(lambda: s.told)
    assert s.told == [Sent("1", "sms0", None, "sms_refused")]
    assert delivered(one) == delivered(two) == []


async def test_the_next_modem(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the settings sends; where it does not, the next."""
    one, two = await modem(sim), await modem(sim)
    async with site(monkeypatch, one, two) as s:
        s.want(message(1))
        await until(lambda: len(s.told) == 1)
        await one.command("fault", kind="cms1")
        s.want(message(2))
        await until(lambda: len(s.told) == 2)
        await one.command("sim", state="absent")
        await until(lambda: s.devices["sms0"].state is Health.FAULT)
        s.want(message(3))
        await until(lambda: len(s.told) == 3)
    assert (delivered(one), delivered(two)) == (["Nr. 1"], ["Nr. 2", "Nr. 3"])
    assert [sent.device for sent in s.told] == ["sms0", "sms1", "sms1"]


async def test_a_busy_modem_holds_nobody_up(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one waits for its network, the other sends what is wanted too."""
    one, two = await modem(sim), await modem(sim)
    async with site(monkeypatch, one, two) as s:
        await one.command("fault", kind="slow", seconds=3600)
        s.want(message(1), message(2))
        await until(lambda: s.told)
    assert (s.told, delivered(two)) == ([Sent("2", "sms1", 1)], ["Nr. 2"])


async def test_wanted_no_more(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the state does not want any more is not sent when the network is there again; what it wants is."""
    one = await modem(sim)
    await one.command("network", status=2)
    async with site(monkeypatch, one, health=Health.DEGRADED) as s:
        s.want(message(1), message(2))
        await until(lambda: len(s.messenger._jobs) == 2)
        s.want(message(2))
        await one.command("network", status=1)
        await until(lambda: s.told)
    assert (s.told, delivered(one)) == ([Sent("2", "sms0", 1)], ["Nr. 2"])


async def test_wanted_no_more_while_it_waits_for_another(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a message that the network is slow to take."""
    one = await modem(sim)
    async with site(monkeypatch, one) as s:
        await one.command("fault", kind="slow", seconds=0.5)
        s.want(message(1), message(2))
        await until(lambda: len(s.messenger._jobs) == 2)
        s.want(message(1))
        await until(lambda: s.told)
        s.want(message(3))
        await until(lambda: len(s.told) == 2)
    assert delivered(one) == ["Nr. 1", "Nr. 3"]


async def test_without_a_modem(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them wait, and who asks is told."""
    async with site(monkeypatch) as s:
        s.want(message(1))
        with pytest.raises(TransientError, match="sms_no_modem"):
            await s.messenger.send(PERSON, "x")
    assert s.told == []


def lift(folder: Path, lifts: Sim, one: Sim) -> Path:
    return settings(
        folder,
        ("bus", {"id": "rs485", "driver": "modbus_rtu", "port": lifts.endpoint}),
        (
            "device",
            {"id": "car", "driver": "modbus", "bus": "rs485", "slave": 1, "profile": "lift-gbt-1", "every_s": 0.1},
        ),
        ("device", {"id": "sms1", "driver": "modem_sms", "port": one.endpoint, "every_s": 0.2}),
        (
            "rule",
            {"id": "l1", "rule": "lift", "profile": "lift-demo", "alarm": "car.alarm_button", "end": "car.mains_lost"},
        ),
        ("person", {"name": "Li Na", "phone": PERSON}),
        ("person", {"name": "Wang Wei", "tier": 2, "phone": "+8613900139000"}),
    )


def snapshot(data: Path) -> dict[str, Any]:
    (found,) = ask(data, "snapshot")
    return cast(dict[str, Any], found)


def records(data: Path, kind: str) -> list[dict[str, Any]]:
    return [one["body"] for one in ask(data, "tail", count=1000) if one["kind"] == kind]


async def test_killed_before_it_is_recorded(sim: StartSim, tmp_path: Path) -> None:
    """The network has the message, and the gateway dies before it knows: the next one sends it again, and records it then.

    The person's answer with its code ends that, and a message that tries whether all works goes out too.
    """
    lifts, one = await sim("lift-gbt-1"), await modem(sim)
    config, data = lift(tmp_path, lifts, one), tmp_path / "data"
    killed = False
    with suppress(ProcessLookupError, AssertionError):  # it does not end as it should
        async with gateway(config, data) as process:
            await one.command("fault", kind="late", seconds=3600)
            await lifts.command("press")
            await until(lambda: delivered(one))
            assert records(data, "sms.sent/1") == []
            os.kill(process, signal.SIGKILL)
            killed = True
    assert killed
    await one.command("reboot")
    async with gateway(config, data):
        await until(lambda: records(data, "sms.sent/1"))
        first, second = delivered(one)[:2]
        assert re.findall(r"\d{6}", first)[-1:] == re.findall(r"\d{6}", second)[-1:]
        sent = records(data, "sms.sent/1")[0]  # others may follow: nobody has answered
        assert (sent["person"], sent["device"], sent["number"]) == ("Li Na", "sms1", "**********8000")
        await one.command("sms_in", number=PERSON, text=re.findall(r"\d{6}", second)[-1])
        await until(lambda: [alarm["acked_by"] for alarm in snapshot(data)["alarms"]] == ["Li Na"])
        code, out, _ = await doorpost("sms", "test", "Wang Wei", "--data", data)
        assert (code, "sms1" in out, "9000" in out) == (0, True, True)
        assert [text for text in delivered(one) if "测试短信" in text]
        with pytest.raises(DoorpostError, match=r"sms_person_unknown .* known=Li Na, Wang Wei"):
            list(ask(data, "sms", person="Nobody"))
        steps = list(ask(data, "test", device="sms1"))
        assert [step["step"] for step in steps][-3:] == ["device", "values", "message"]
        assert all(step["ok"] is not False for step in steps)
        await one.command("network", status=3)
        await until(lambda: "modem_denied" in str([one["problem"] for one in snapshot(data)["devices"]]))
        code, _, err = await doorpost("sms", "test", "Li Na", "--data", data)
        assert (code, "sms1" in err) == (3, True)


async def test_a_modem_that_comes_back(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits out a pause when a modem is there again, as after each start."""
    one = await modem(sim, "--sim", "absent")
    async with site(monkeypatch, one, health=Health.FAULT) as s:
        monkeypatch.setattr(module, "PAUSES_S", (3600.0,))
        s.want(message(1))
        await until(lambda: s.messenger._jobs and all(job.problem for job in s.messenger._jobs.values()))
        await one.command("sim", state="READY")
        await until(lambda: s.told)
    assert delivered(one) == ["Nr. 1"]
