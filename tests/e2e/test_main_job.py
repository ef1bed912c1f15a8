"""The main job on real wires: simulated devices, the daemon, a real broker, the centre; each a process of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from central import queries
from central.store import reader
from gateway.demo.cold_room.site import BOARD, LIFT, PROBE_1, ColdRoom
from gateway.demo.processes import ProgramFailed
from gateway.demo.site import Site
from gateway.demo.witness import Witness, settled, value
from support.asyncapi import validate
from sync.mqtt import MqttLink, MqttSettings

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ColdRoom]:
    one = ColdRoom(tmp_path / "site")
    try:
        await one.start()
        yield one
    finally:
        await one.stop()


async def at_the_centre(site: Site, ask: Callable[[apsw.Connection], list[Any]]) -> list[Any]:
    """Ask the centre's database again until it has something; the test's own time limit ends it."""
    while True:
        if found := ask(reader(site.central_data)):
            return found
        await asyncio.sleep(0.1)


async def seen_once(site: Site, code: str) -> None:
    assert len(await at_the_centre(site, lambda db: queries.trace(db, code))) == 1


async def alarm(site: Site, what: str, state: str) -> dict[str, Any]:
    def found(db: apsw.Connection) -> list[dict[str, Any]]:
        return [a for a in queries.alarms(db) if (a["what"], a["state"]) == (what, state)]

    (one,) = await at_the_centre(site, found)
    return dict(one)


def health(answer: dict[str, Any]) -> dict[str, str]:
    return {d["id"]: d["health"] for d in answer["devices"]}


async def online(site: Site) -> None:
    """The devices; broker and centre may be absent."""
    await Witness(site).gateway(lambda s: set(health(s).values()) == {"online"})


async def relay(site: Site, name: str, state: float) -> None:
    """Until the board itself says so."""
    await Witness(site).gateway(lambda s: value(s, "board", name) == state)


async def test_the_whole_way_speaks_the_contract(site: ColdRoom) -> None:
    """Every message on the broker, both ways and over a kill -9, is one of the published contract; the counts agree."""
    heard: list[tuple[str, bytes]] = []
    settings = MqttSettings(site.broker.url, "central", site.directory / "central.password")
    watcher = MqttLink(
        settings, client_id="watcher", clean_start=True, will=None, on_message=lambda t, p: heard.append((t, p))
    )
    await watcher.connect()
    await watcher.subscribe("v1/gw/+/up/#", "v1/gw/+/down/#", "v1/central/status")
    await online(site)

    await site.scanner.command("scan", text="0106901234567892\u001d10A1", symbology="]d2")
    await site.ssi.command("scan", text="PALLET-1")
    await site.portal.command("tag_in", epc="3066C4409047E140075BCD15")
    await site.camera.command("show", text="https://id.gs1.org/01/09506000134352")
    for code in (
        "0106901234567892\u001d10A1",
        "PALLET-1",
        "3066C4409047E140075BCD15",
        "https://id.gs1.org/01/09506000134352",
    ):
        await seen_once(site, code)
    assert len((await site.ask_central("trace", "PALLET-1"))["sightings"]) == 1

    await site.bus.command("set", slave=PROBE_1, temperature=9.0)
    await site.bus.command("press", slave=LIFT)
    high = await alarm(site, "temperature_high", "raised")
    call = await alarm(site, "lift_alarm", "raised")
    await relay(site, "relay1", 1)
    await relay(site, "relay3", 1)
    await site.gateway.kill()
    await site.gateway.start()
    await online(site)
    await relay(site, "relay3", 1)

    (person,) = site.persons
    with pytest.raises(ProgramFailed):
        await site.ask_central("ack", call["alarm"], "--as", "Nobody", *site.identified(person)[2:])
    for one in (high, call):
        await site.ask_central("ack", one["alarm"], *site.identified(person))
    await alarm(site, "lift_alarm", "acked")
    answered = {a["alarm"]: a for a in (await site.ask_central("alarms"))["alarms"]}[call["alarm"]]
    assert (answered["state"], answered["acked_by"]) == ("acked", person)
    await relay(site, "relay4", 1)
    await relay(site, "relay1", 0)
    await site.bus.command("release", slave=LIFT)
    await site.bus.command("contact", slave=BOARD, di=4, on=True)
    await alarm(site, "lift_alarm", "ended")
    await site.bus.command("set", slave=PROBE_1, temperature=4.0)
    await alarm(site, "temperature_high", "cleared")

    await site.gateway.stop()
    counts = await site.ask_central("counts")
    (site.central_data / "gateways").mkdir()
    shutil.copy(site.data / "gateway.pub", site.central_data / "gateways" / "gw-demo-1.pub")
    audit = await site.ask_central("audit")
    assert audit["broken"] == 0
    assert audit["unaccounted"] == 0
    assert audit["checkpoints"]["gw-demo-1"] == {"verified": 1, "bad": 0, "unverified": 0, "bad_first": []}
    (streams,) = counts["gateways"]["gw-demo-1"]["stores"].values()
    assert all(s["upto"] == s["rows"] and s["missing"] == s["lost"] == s["refused"] == 0 for s in streams.values())
    assert counts["refused_messages"] == 0
    await watcher.close()
    topics = {topic for topic, _ in heard}
    assert {"v1/gw/gw-demo-1/up/alarm", "v1/gw/gw-demo-1/down/cmd", "v1/gw/gw-demo-1/up/cmdres"} <= topics
    for topic, payload in heard:
        validate(topic, payload)


async def test_broker_and_centre_may_be_absent_at_start(site: ColdRoom) -> None:
    """The gateway starts, captures and alarms without them; all of it is there once they are."""
    await site.gateway.stop()
    assert site.central
    await site.central.kill()
    site.broker.kill()
    await site.gateway.start()
    await online(site)
    await site.ssi.command("scan", text="PALLET-2")
    await site.bus.command("set", slave=PROBE_1, temperature=9.0)
    await relay(site, "relay1", 1)
    status = await site.ask_gateway("store", "status")
    assert status["link"]["state"] != "online"
    await asyncio.to_thread(site.broker.start)
    await site.start_central()
    await seen_once(site, "PALLET-2")
    await alarm(site, "temperature_high", "raised")
    snapshot = await Witness(site).gateway(settled)
    assert all(s["captured"] == s["acknowledged"] for s in snapshot["streams"])


async def test_one_bad_device_hurts_only_itself(site: ColdRoom) -> None:
    """A bus pulled out under load, rubbish on one line: the others go on, and each comes back by itself, with a hint meanwhile."""
    await online(site)
    await site.bus.command("unplug")
    await Witness(site).gateway(lambda s: health(s)["room1"] == "offline")
    answer = await site.ask_gateway("device", "list")
    assert health(answer)["room1"] == "offline"
    assert all(d["problem"] for d in answer["devices"] if d["health"] == "offline")
    await site.scanner.command("noise", hex="00ff17")
    await site.ssi.command("scan", text="PALLET-3")
    await seen_once(site, "PALLET-3")
    await site.bus.command("replug")
    await Witness(site).gateway(lambda s: health(s)["room1"] == health(s)["lift"] == "online")
