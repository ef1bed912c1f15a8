"""One lift that two gateways see, each with its own contacts: one rescue at the desk."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.client import ask
from gateway.demo.lift.site import BOARD, BUTTON, GREEN, KEY, TECHNICIAN, LiftSite
from gateway.demo.processes import Program
from gateway.demo.site import GATEWAY
from gateway.demo.witness import Witness, settled
from model.errors import DoorpostError

SECOND = "gw-demo-2"
pytestmark = pytest.mark.timeout(120)


class TwoGateways(LiftSite):
    """The second one has a board of its own beside the same button, and no modem."""

    gateways = (GATEWAY, SECOND)

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        port, log = self.port("second"), self.wire("second")
        self.second_bus = self.program(
            "second", "firmware_sim", "waveshare-io-8ch", "--id", BOARD, "--port", port, "--log", log
        )
        self.sims.append(self.second_bus)
        self.second_data = directory / "gateway-2"
        settings = directory / "second.toml"
        self.second = self.program("gateway-2", "gateway.cli", "run", "--config", settings, "--data", self.second_data)

    async def at_rest(self) -> None:
        await super().at_rest()
        await self.second_bus.command("contact", di=BUTTON, on=True)
        text = _SECOND.format(
            gateway=SECOND,
            broker=self.broker.url,
            password=f"{SECOND}.password",
            central_key=self.central_data / "central.pub",
            bus=self.port("second"),
        )
        self.secret("second.toml", text)
        await self.second.start()

    async def stop_edge(self) -> None:
        await self.second.stop()
        await super().stop_edge()

    async def incidents(self) -> list[dict[str, Any]]:
        answer: dict[str, Any] = await self.ask_central("alarms")
        return list(answer["incidents"])


_SECOND = """\
schema = 1
[gateway]
id = "{gateway}"
[sync]
broker = "{broker}"
password_file = "{password}"
central_keys = ["{central_key}"]
[web]
listen = "127.0.0.1:0"
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "{bus}"
[[device]]
id = "board"
driver = "modbus"
bus = "rs485"
slave = 2
profile = "waveshare-io-8ch"
every_s = 0.25
[[lift]]
id = "north"
rescue = "100011"
[[rule]]
id = "call"
rule = "lift"
profile = "lift-demo"
lift = "north"
alarm = "board.di1"
active = 0
end = "board.di2"
[[output]]
id = "lamp-green"
device = "board"
output = "relay3"
mode = "hold"
on = ["lamp_green"]
"""


async def press(bus: Program, *, on: bool, **where: int) -> None:
    await bus.command("contact", di=BUTTON, on=not on, **where)


async def open_at(data: Path, number: int) -> list[dict[str, Any]]:
    """The gateway's open alarms, once there are so many."""
    while True:
        try:
            found: list[dict[str, Any]] = (await asyncio.to_thread(lambda: next(ask(data, "snapshot"))))["alarms"]
        except DoorpostError:  # it is not up yet
            found = []
        if len(found) == number:
            return found
        await asyncio.sleep(0.1)


async def test_two_gateways_one_rescue(tmp_path: Path) -> None:
    """Both have an alarm; the desk has one rescue, its answer reaches both, and the end on site at one ends the other's."""
    site = TwoGateways(tmp_path / "site")
    see = Witness(site)
    try:
        await site.start()
        await see.gateway(settled)
        await asyncio.gather(press(site.bus, on=True, slave=BOARD), press(site.second_bus, on=True))
        (here,) = await open_at(site.data, 1)
        (there,) = await open_at(site.second_data, 1)
        await asyncio.gather(press(site.bus, on=False, slave=BOARD), press(site.second_bus, on=False))
        await see.centre(lambda a: len(a["alarms"]) == 2, "alarms")
        (rescue,) = await site.incidents()
        assert sorted(rescue["alarms"]) == sorted([here["id"], there["id"]])
        assert sorted(rescue["gws"]) == [GATEWAY, SECOND]

        # said of one alarm, heard by both
        answer = await site.ask_central("ack", there["id"], *site.identified("Li Na"))
        assert answer["done"]
        again = await site.ask_central("ack", here["id"], *site.identified("Wang Fang"))
        assert (again["done"], again["by"]) == (False, "Li Na")
        await see.relay(GREEN, on=True)
        await see.wired("second", lambda log: any(e.get("output") == f"relay{GREEN}" and e["on"] for e in log))

        await site.badge.command("card_in", uid=TECHNICIAN.badge)
        await see.centre(lambda a: any(line["kind"] == "arrived" for line in a["incidents"][0]["timeline"]), "alarms")
        await site.bus.command("contact", slave=BOARD, di=KEY, on=True)
        await open_at(site.data, 0)
        await open_at(site.second_data, 0)
        await see.centre(lambda a: all(one["state"] == "ended" for one in a["alarms"]), "alarms")
        (rescue,) = await site.incidents()
        assert (rescue["acked_by"], rescue["ended_via"]) == ("Li Na", "key")
        closed = [line for line in rescue["timeline"] if line["kind"] == "ended"]
        assert sorted((line["gw"], line["via"]) for line in closed) == [(GATEWAY, "key"), (SECOND, "remote")]
        assert len({line["by"] for line in rescue["timeline"] if line["kind"] == "acked"}) == 1
    finally:
        await site.stop()
