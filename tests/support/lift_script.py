"""What passengers, desks, technicians, networks and power do to one lift, at random by a seed; each run ends in good order."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway.demo.evidence import wire
from gateway.demo.lift.invariants import Answers
from gateway.demo.lift.site import BOARD, BUTTON, GREEN, KEY, PERSONS, SIREN, TECHNICIAN, YELLOW, LiftSite
from gateway.demo.lift.verdict import verdict
from gateway.demo.processes import ProgramFailed
from gateway.demo.report import gathered
from gateway.demo.witness import Witness, online, settled

PRESSES_S = (0.1, 0.4, 0.8, 2.5)
"""Too short to be a call, at the limit, long enough, and so long that it must be seen."""
APART_S = 0.3
"""A finger that comes back sooner has not let go, for whoever looks every 50 ms."""
SIX_DIGITS = re.compile(r"\b\d{6}\b")
"""The code, and the number on the sign in the car."""


class Script:
    """`said` has what was done, for whoever reads a failure."""

    def __init__(self, site: LiftSite, seed: int) -> None:
        self._site = site
        self._see = Witness(site)
        self._chance = random.Random(seed)
        self._answers: dict[str, set[str]] = {}
        self.said: list[str] = []

    async def run(self, steps: int) -> None:
        """So many things happen; then all is whole again, the last alarm is ended, and nothing waits."""
        await self._see.gateway(online)
        await self._press(max(PRESSES_S))  # nothing that follows means much before it
        deeds: list[Callable[[], Awaitable[None]]] = [
            *(self._pressed, self._pressed, self._answered, self._answered_by_sms, self._badged, self._turned),
            *(self._ordered, self._network, self._network_spoilt, self._power_cut, self._power_cut),
        ]
        for _ in range(steps):
            deed = self._chance.choice(deeds)
            self.said.append(deed.__name__)
            await deed()
        await self._end()

    async def judged(self) -> dict[str, Any]:
        """The verdict on all of it; the edge is stopped."""
        snapshot = await self._see.gateway(settled)
        await self._site.stop_edge()
        answers: Answers = self._answers
        return verdict(self._site, await gathered(self._site, snapshot), answers)

    # passengers

    async def _pressed(self) -> None:
        await self._press(self._chance.choice(PRESSES_S))

    async def _press(self, seconds: float) -> None:
        await self._contact(BUTTON, on=False)
        await asyncio.sleep(seconds)
        await self._contact(BUTTON, on=True)
        await asyncio.sleep(APART_S)

    # desks

    async def _answered(self) -> None:
        """One desk, or two at once. Whoever is told to be first is the same for both."""
        persons = self._chance.sample(self._site.persons, self._chance.choice((1, 2)))
        alarm = await self._alarm()
        answers = [one for one in await asyncio.gather(*(self._say("ack", alarm, p) for p in persons)) if one]
        assert len({one["by"] for one in answers}) <= 1
        assert sum(one["done"] for one in answers) <= 1
        for one in answers:
            self._answers.setdefault(one["alarm"], set()).add(one["by"])

    async def _answered_by_sms(self) -> None:
        """With the code of the newest message, from the telephone that got it."""
        messages = [event for event in wire(self._site.wire("modem")) if event["event"] == "sms"]
        if not messages:
            return
        number, text = messages[-1]["number"], messages[-1]["text"]
        (person,) = (one.name for one in PERSONS if one.phone.endswith(number.removeprefix("+")))
        alarm = await self._alarm()
        if alarm:
            self._answers.setdefault(alarm, set()).add(person)
        await self._site.modem.command("sms_in", number=number, text=" ".join(SIX_DIGITS.findall(text)))

    async def _ordered(self) -> None:
        what, *details = self._chance.choice(
            [
                ("dispatch", "--tier", "1"),
                ("arrive",),
                ("release", "--persons", "1", "--injured", "0"),
            ]
        )
        await self._say(what, await self._alarm(), self._site.persons[0], *details)

    async def _say(self, what: str, alarm: str | None, person: str, *details: str) -> dict[str, Any] | None:
        """None where there is nothing to say it of, or the centre refuses."""
        if alarm is None:
            return None
        try:
            answer: dict[str, Any] = await self._site.ask_central(what, alarm, *details, *self._site.identified(person))
        except ProgramFailed:
            return None
        return answer

    # technicians

    async def _badged(self) -> None:
        await self._site.badge.command("card_in", uid=TECHNICIAN.badge)
        await self._site.badge.command("card_out", uid=TECHNICIAN.badge)

    async def _turned(self) -> None:
        await self._contact(KEY, on=True)
        await asyncio.sleep(0.5)
        await self._contact(KEY, on=False)

    # what breaks

    async def _network(self) -> None:
        for do in self._chance.choice([("refuse", "reset"), ("stall",), ("freeze",), ("clear", "resume", "reset")]):
            await self._site.network.command(do)

    async def _network_spoilt(self) -> None:
        await self._site.network.command("link", delay_ms=self._chance.choice((0, 100, 300)))
        what, way = self._chance.choice(("drop", "twice", "late", "cut")), self._chance.choice(("up", "down"))
        await self._site.network.command("fault", what=what, way=way, count=self._chance.randint(1, 4))

    async def _power_cut(self) -> None:
        """For a moment, or while somebody presses."""
        await self._site.power_cut()
        if self._chance.random() < 0.5:
            await self._press(0.5)
        await self._site.gateway.start()
        await self._see.gateway(lambda s: all(d["health"] == "online" for d in s["devices"]))
        await self._lamps()

    # in good order

    async def _end(self) -> None:
        """All that is broken is mended; whatever is open is answered and ended on site."""
        for do in ("clear", "resume", "reset"):
            await self._site.network.command(do)
        await self._site.network.command("link")
        await self._see.gateway(online)
        while alarm := await self._alarm():
            await self._see.gateway(settled)
            await self._answered()
            await self._badged()
            await self._lamps()
            await self._turned()
            await self._see.gateway(settled)
            if await self._alarm() == alarm:
                self.said.append("not ended yet")
        await self._lamps()
        await self._see.gateway(settled)

    async def _lamps(self) -> None:
        """Until they agree with the alarm that is open, or with none."""

        def agree(snapshot: dict[str, Any]) -> bool:
            acked = [alarm["acked_by"] is not None for alarm in snapshot["alarms"]]
            calling, heard = False in acked, True in acked
            return self._lit() == {YELLOW: calling, SIREN: calling, GREEN: heard}

        await self._see.gateway(agree)

    def _lit(self) -> dict[int, bool]:
        """The relays of the lamps on the board's wire."""
        states = {
            event["output"]: event["on"] for event in wire(self._site.wire("modbus")) if event["event"] == "output"
        }
        return {relay: bool(states.get(f"relay{relay}")) for relay in (YELLOW, SIREN, GREEN)}

    async def _alarm(self) -> str | None:
        """The open one, as the gateway knows it."""
        alarms = (await self._see.gateway(lambda s: True))["alarms"]
        return str(alarms[0]["id"]) if alarms else None

    async def _contact(self, number: int, *, on: bool) -> None:
        await self._site.bus.command("contact", slave=BOARD, di=number, on=on)


async def played(directory: Path, seed: int, steps: int) -> dict[str, Any]:
    """The verdict on one script, told with what was done."""
    site = LiftSite(directory)
    try:
        await site.start()
        script = Script(site, seed)
        await script.run(steps)
        document = await script.judged()
    finally:
        await site.stop()
    return document | {"seed": seed, "script": script.said}
