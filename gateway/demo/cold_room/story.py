"""The story: a morning at a cold room, with everything going wrong that can."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Sequence
from typing import Any

from gateway.demo.cold_room.site import BOARD, LIFT, PROBE_1, ColdRoom
from gateway.demo.judge import Problem, judge
from gateway.demo.report import Evidence, report
from gateway.demo.result import tell
from gateway.demo.site import GATEWAY
from gateway.demo.story import Chapter, Pace, Story
from gateway.demo.teller import Teller
from gateway.demo.witness import alarm, online, seen, settled, value, waiting

FAILED_C, GOOD_C = 10.0, 4.0
RAMP_C_PER_S = 0.8
SIREN, YELLOW, GREEN = 1, 3, 4
"""Relays of the board."""
DOOR, KEY = 1, 4
"""Inputs of the board."""
EXPECTED = {"temperature_high": "cleared", "lift_alarm": "ended"}
"""What the story raises, and how it ends at the centre."""


class ColdRoomStory(Story[ColdRoom]):
    def __init__(self, site: ColdRoom, teller: Teller, pace: Pace) -> None:
        super().__init__(site, teller, pace)
        self._serials = itertools.count(time.time_ns() // 1_000_000)

    def chapters(self) -> Sequence[Chapter]:
        return (
            self._goods,
            self._compressor,
            self._recovery,
            self._call,
            self._broker_killed,
            self._gateway_killed,
        )

    async def verdict(self, evidence: Evidence) -> dict[str, Any]:
        found = judge(evidence.rows, self._site.wires(), self._site.wired)
        states = {one["what"]: one["state"] for one in evidence.alarms}
        problems = [*found.problems]
        if len(evidence.alarms) != len(EXPECTED) or states != EXPECTED:
            problems.append(Problem("alarms", GATEWAY, str([(one["what"], one["state"]) for one in evidence.alarms])))
        return found.document() | report(evidence, problems)

    def show(self, document: dict[str, Any]) -> None:
        tell(self._tell, document)

    async def _goods(self) -> None:
        site, see = self._site, self._see
        self._tell.chapter("goods")
        with self._tell.step("door_open"):
            await self._contact(DOOR, on=True)
        carton = f"CARTON-{next(self._serials)}"
        await site.camera.command("show", text=carton)
        codes = {*await self._scan(3), *await self._scan_answered(3)}
        with self._tell.step("scanned", n=len(codes)):
            await see.gateway(lambda s: codes <= seen(s))
        tags = [self._tag() for _ in range(3)]
        for tag in tags:
            await site.portal.command("tag_in", epc=tag)
        with self._tell.step("tags", n=len(tags)):
            await see.gateway(lambda s: set(tags) <= seen(s))
        with self._tell.step("carton"):
            await see.gateway(lambda s: carton in seen(s))
        for tag in tags:
            await site.portal.command("tag_out", epc=tag)
        with self._tell.step("door_closed"):
            await self._contact(DOOR, on=False)
        codes |= {*tags, carton}
        with self._tell.step("at_centre", n=len(codes)):
            await see.codes(codes)

    async def _compressor(self) -> None:
        """Meanwhile the carton has left the camera's view."""
        await self._site.camera.command("blank")
        self._tell.chapter("compressor", limit=8)
        await self._site.bus.command("ramp", slave=PROBE_1, to=FAILED_C, per_s=RAMP_C_PER_S * self._pace.hurry)
        with self._tell.step("too_warm"):
            await self._see.gateway(lambda s: alarm(s, "temperature_high"))
        with self._tell.step("siren_on"):
            await self._see.relay(SIREN, on=True)
        with self._tell.step("alarm_at_centre"):
            await self._see.gateway(lambda s: (alarm(s, "temperature_high") or {}).get("at_centre"))

    async def _recovery(self) -> None:
        self._tell.chapter("recovery")
        await self._site.bus.command("ramp", slave=PROBE_1, to=GOOD_C, per_s=RAMP_C_PER_S * self._pace.hurry)
        with self._tell.step("cold_again"):
            await self._see.gateway(lambda s: not alarm(s, "temperature_high"))
        with self._tell.step("siren_off"):
            await self._see.relay(SIREN, on=False)

    async def _call(self) -> None:
        site, see = self._site, self._see
        self._tell.chapter("call")
        await site.bus.command("press", slave=LIFT)
        with self._tell.step("called"):
            found = await see.gateway(lambda s: (alarm(s, "lift_alarm") or {}).get("at_centre"))
        with self._tell.step("yellow"):
            await see.relay(YELLOW, on=True)
        call = alarm(found, "lift_alarm")
        assert call
        (person,) = site.persons
        with self._tell.step("answered", person=person):
            await site.ask_central("ack", call["id"], *site.identified(person))
            await see.gateway(lambda s: (alarm(s, "lift_alarm") or {}).get("state") == "acked")
        with self._tell.step("green"):
            await see.relay(GREEN, on=True)
            await see.relay(YELLOW, on=False)
        await site.bus.command("release", slave=LIFT)
        with self._tell.step("key"):
            await self._contact(KEY, on=True)
            await see.gateway(lambda s: not alarm(s, "lift_alarm"))
            await see.relay(GREEN, on=False)
        await self._contact(KEY, on=False)

    async def _broker_killed(self) -> None:
        site, see = self._site, self._see
        self._tell.chapter("broker", broker=site.broker.program)
        await asyncio.to_thread(site.broker.kill)
        with self._tell.step("link_lost"):
            await see.gateway(lambda s: s["link"]["state"] != "online")
        codes = {*await self._scan(3), *await self._scan_answered(3)}
        with self._tell.step("goods_wait", n=len(codes)):
            await see.gateway(lambda s: waiting(s, "event") >= len(codes))
        await asyncio.to_thread(site.broker.start)
        with self._tell.step("caught_up"):
            await see.gateway(settled)
        with self._tell.step("at_centre", n=len(codes)):
            await see.codes(codes)

    async def _gateway_killed(self) -> None:
        """One symbol is half on its wire, another has just left a scanner that waits for an answer, a tag is in the portal."""
        site, see = self._site, self._see
        self._tell.chapter("crash")
        tag, carton = self._tag(), f"CARTON-{next(self._serials)}"
        await site.portal.command("tag_in", epc=tag)
        await see.gateway(lambda s: tag in seen(s))
        half = asyncio.create_task(
            site.scanner.command("split", text=self._box(), symbology="]d2", at=20, pause_ms=300)
        )
        codes = set(await self._scan_answered(1))
        with self._tell.step("killed"):
            await site.gateway.kill()
            await half
        await site.camera.command("show", text=carton)
        codes |= {*await self._scan_answered(2)}
        with self._tell.step("restarted"):
            await site.gateway.start()
            await see.gateway(online)
        with self._tell.step("after_restart"):
            await see.gateway(lambda s: {tag, carton} <= seen(s))
        await site.portal.command("tag_out", epc=tag)
        codes |= {tag, carton, *await self._scan(2)}
        with self._tell.step("no_scan_missing", n=len(codes)):
            await see.codes(codes)
        await site.camera.command("blank")

    # hands

    def _box(self) -> str:
        """GTIN, expiry, lot and a serial number that never comes again (GS1)."""
        return f"01069012345678921727123110A213B1\x1d21{next(self._serials)}"

    def _tag(self) -> str:
        return "30" + secrets.token_hex(11).upper()

    async def _scan(self, boxes: int) -> list[str]:
        """Boxes pass the scanner that sends plain lines."""
        codes = [self._box() for _ in range(boxes)]
        for code in codes:
            await self._site.scanner.command("scan", text=code, symbology="]d2")
        return codes

    async def _scan_answered(self, pallets: int) -> list[str]:
        """Pallets pass the scanner that repeats each symbol until it is answered."""
        codes = [f"PALLET-{next(self._serials)}" for _ in range(pallets)]
        for code in codes:
            await self._site.ssi.command("scan", text=code)
        return codes

    async def _contact(self, number: int, *, on: bool) -> None:
        await self._site.bus.command("contact", slave=BOARD, di=number, on=on)
        await self._see.gateway(lambda s: value(s, "board", f"di{number}") == on)
