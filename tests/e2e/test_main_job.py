"""The main job on real wires: simulated devices, the daemon, a real broker, the centre; each a process of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.processes import ProgramFailed
from gateway.demo.site import BOARD, LIFT, PERSON, PROBE_1, Site
from support.asyncapi import validate
from sync.mqtt import MqttLink, MqttSettings

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    one = Site(tmp_path / "site")
    try:
        await one.start()
        yield one
    finally:
        await one.stop()


async def until(ask: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> Any:
    """Ask again until the answer is good; the test's own time limit ends it."""
    while True:
        try:
            answer = await ask()
        except ProgramFailed:  # it is not up yet
            answer = None
        if answer is not None and good(answer):
            return answer
        await asyncio.sleep(0.2)


async def codes(site: Site, code: str) -> int:
    """How often the centre has seen a code."""
    return len((await site.ask_central("trace", code))["sightings"])


def health(answer: Any) -> dict[str, str]:
    return {d["id"]: d["health"] for d in answer["devices"]}


async def online(site: Site) -> None:
    await until(lambda: site.ask_gateway("device", "list"), lambda a: set(health(a).values()) == {"online"})


async def settled(site: Site) -> dict[str, Any]:
    """Nothing waits at the gateway; its counts per stream."""
    status = await until(
        lambda: site.ask_gateway("store", "status"), lambda a: all(s["waiting"] == 0 for s in a["streams"])
    )
    return {s["stream"]: s for s in status["streams"]}


async def alarm(site: Site, what: str, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    def found(answer: Any) -> bool:
        return any(a["what"] == what and good(a) for a in answer["alarms"])

    answer = await until(lambda: site.ask_central("alarms"), found)
    one: dict[str, Any] = next(a for a in answer["alarms"] if a["what"] == what and good(a))
    return one


async def relay(site: Site, name: str, value: float) -> None:
    """Until the board itself says so."""

    def said(answer: Any) -> bool:
        points = {p["name"]: p["value"] for d in answer["devices"] if d["id"] == "board" for p in d["points"]}
        return points.get(name) == value

    await until(lambda: site.ask_gateway("device", "list"), said)


async def test_the_whole_way_speaks_the_contract(site: Site) -> None:
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
        await until(lambda code=code: codes(site, code), lambda n: n == 1)  # type: ignore[misc]

    await site.bus.command("set", slave=PROBE_1, temperature=9.0)
    await site.bus.command("press", slave=LIFT)
    high = await alarm(site, "temperature_high", lambda a: a["state"] == "raised")
    call = await alarm(site, "lift_alarm", lambda a: a["state"] == "raised")
    await relay(site, "relay1", 1)
    await relay(site, "relay3", 1)
    await site.gateway.kill()
    await site.gateway.start()
    await online(site)
    await relay(site, "relay3", 1)

    with pytest.raises(ProgramFailed):
        await site.ask_central("ack", call["alarm"], "--as", "Nobody", "--pin-file", str(site.directory / "pin"))
    for one in (high, call):
        await site.ask_central("ack", one["alarm"], "--as", PERSON, "--pin-file", str(site.directory / "pin"))
    answered = await alarm(site, "lift_alarm", lambda a: a["state"] == "acked")
    assert answered["acked_by"] == PERSON
    assert answered["alarm"] == call["alarm"]
    await relay(site, "relay4", 1)
    await relay(site, "relay1", 0)
    await site.bus.command("release", slave=LIFT)
    await site.bus.command("contact", slave=BOARD, di=4, on=True)
    await alarm(site, "lift_alarm", lambda a: a["state"] == "ended")
    await site.bus.command("set", slave=PROBE_1, temperature=4.0)
    await alarm(site, "temperature_high", lambda a: a["state"] == "cleared")

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


async def test_broker_and_centre_may_be_absent_at_start(site: Site) -> None:
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
    await until(lambda: codes(site, "PALLET-2"), lambda n: n == 1)
    await alarm(site, "temperature_high", lambda a: a["state"] == "raised")
    counts = await settled(site)
    assert all(s["captured"] == s["acknowledged"] for s in counts.values())


async def test_one_bad_device_hurts_only_itself(site: Site) -> None:
    """A bus pulled out under load, rubbish on one line: the others go on, and each comes back by itself, with a hint meanwhile."""
    await online(site)
    await site.bus.command("unplug")
    answer = await until(lambda: site.ask_gateway("device", "list"), lambda a: health(a)["room1"] == "offline")
    assert all(d["problem"] for d in answer["devices"] if d["health"] == "offline")
    await site.scanner.command("noise", hex="00ff17")
    await site.ssi.command("scan", text="PALLET-3")
    await until(lambda: codes(site, "PALLET-3"), lambda n: n == 1)
    await site.bus.command("replug")
    await until(
        lambda: site.ask_gateway("device", "list"), lambda a: health(a)["room1"] == health(a)["lift"] == "online"
    )
