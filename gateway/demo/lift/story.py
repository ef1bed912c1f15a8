"""The story: somebody is shut in between two floors, the network fails, and so does the gateway's power (scenario 6)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.demo.lift.edits import edited
from gateway.demo.lift.site import (
    BOARD,
    BUTTON,
    DIALLER,
    GREEN,
    KEY,
    SIREN,
    TECHNICIAN,
    TERMINAL,
    YELLOW,
    LiftSite,
)
from gateway.demo.lift.verdict import show, verdict
from gateway.demo.report import Evidence
from gateway.demo.story import Chapter, Pace, Story
from gateway.demo.teller import Teller
from gateway.demo.witness import settled

FLOOR = 11
STUCK = {"floor": FLOOR, "display_floor": FLOOR, "door_zone": 0, "door_closed": 1, "passenger": 1, "fault_code": 4}
"""Between two floors, with somebody in it. 4: stopped outside of the unlocking zone."""
FREED = {"door_zone": 1, "door_closed": 0, "passenger": 0}
PAUSE_S = 0.5
DELAY_MS = 150
ALARMS = ("v1/gw/+/up/alarm", "v1/gw/+/up/urgent")


class LiftStory(Story[LiftSite]):
    opening = "lift_up"

    def __init__(self, site: LiftSite, teller: Teller, pace: Pace) -> None:
        # somebody is in the lift: nobody pauses
        super().__init__(site, teller, pace._replace(pause_s=min(pace.pause_s, PAUSE_S)))
        self._open = ""
        """The alarm that is told of."""
        self._said: dict[str, str] = {}
        """By whom each alarm was answered, as the centre told it to whoever asked."""

    def chapters(self) -> Sequence[Chapter]:
        return (
            self._trapped,
            self._cut_off,
            self._back,
            self._answered,
            self._power_pulled,
            self._rescued,
            self._late,
        )

    async def _come_up(self) -> None:
        await super()._come_up()
        person = self._site.persons[0]
        self._tell.say("desk", url=await self._site.open_desk(), person=person, pin=self._site.pin(person).read_text())

    async def verdict(self, evidence: Evidence) -> dict[str, Any]:
        answers = {alarm: [person] for alarm, person in self._said.items()}
        return verdict(self._site, evidence, answers, await edited(self._site))

    def show(self, document: dict[str, Any]) -> None:
        show(self._tell, document)

    # chapters

    async def _trapped(self) -> None:
        """Whatever the gateway sends of alarms is swallowed on the way."""
        self._tell.chapter("trapped", floor=FLOOR, delay_ms=DELAY_MS)
        await self._site.network.command("link", delay_ms=DELAY_MS)
        for topic in ALARMS:
            await self._site.network.command("fault", what="drop", way="up", topic=topic)
        await self._site.bus.command("lift", slave=TERMINAL, **STUCK)
        await self._press()
        with self._tell.step("yellow"):
            await self._see.relay(YELLOW, on=True)
            await self._see.relay(SIREN, on=True)
        await self._let_go()

    async def _cut_off(self) -> None:
        self._tell.chapter("cut_off")
        for do in ("refuse", "reset"):
            await self._site.network.command(do)
        with self._tell.step("link_lost"):
            await self._see.gateway(lambda s: s["link"]["state"] != "online")
        with self._tell.step("sms"):
            await self._see.wired("modem", lambda log: sum(e["event"] == "sms" for e in log) >= 2)
        with self._tell.step("dialler"):
            await self._see.relay(DIALLER, on=True)

    async def _back(self) -> None:
        self._tell.chapter("back")
        for do in ("clear", "resume"):
            await self._site.network.command(do)
        with self._tell.step("called"):
            await self._recorded("raised")

    async def _answered(self) -> None:
        self._tell.chapter("answered")
        await self._ack(*self._site.persons)
        with self._tell.step("dispatched"):
            await self._order("dispatch", "--tier", "1", "--team", TECHNICIAN.name)
            await self._recorded("dispatched")

    async def _power_pulled(self) -> None:
        self._tell.chapter("power")
        with self._tell.step("dark"):
            await self._site.power_cut()
            await self._see.relay(GREEN, on=False)
        with self._tell.step("same_lamp"):
            await self._site.gateway.start()
            await self._see.relay(GREEN, on=True)
        with self._tell.step("same_alarm", alarm=self._open[:8]):
            await self._see.gateway(lambda s: [a["id"] for a in s["alarms"]] == [self._open])

    async def _rescued(self) -> None:
        self._tell.chapter("rescued", person=TECHNICIAN.name)
        await self._end_on_site()

    async def _late(self) -> None:
        """The same lift again, and the technician takes longer than he may."""
        self._tell.chapter("late")
        await self._site.bus.command("lift", slave=TERMINAL, **STUCK)
        await self._press()
        await self._let_go()
        await self._recorded("raised")
        await self._ack(self._site.persons[1])
        await self._order("dispatch", "--tier", "1", "--team", TECHNICIAN.name)
        with self._tell.step("overdue"):
            await self._see.centre(lambda a: "arrive" in _rescue(a)["overdue"], "alarms")
        await self._end_on_site()

    # hands

    async def _press(self) -> None:
        """Until the gateway has taken it."""
        await self._site.bus.command("contact", slave=BOARD, di=BUTTON, on=False)
        with self._tell.step("pressed"):
            (alarm,) = (await self._see.gateway(lambda s: s["alarms"]))["alarms"]
            self._open = alarm["id"]

    async def _let_go(self) -> None:
        await self._site.bus.command("contact", slave=BOARD, di=BUTTON, on=True)

    async def _ack(self, *persons: str) -> None:
        """All of them at once. One has done it, and all are told who."""
        with self._tell.step("both_answer" if len(persons) > 1 else "answers", persons=", ".join(persons)):
            answers = await asyncio.gather(*(self._say("ack", person) for person in persons))
        (person,) = {answer["by"] for answer in answers}
        self._said[self._open] = person
        self._tell.say("first", person=person)
        with self._tell.step("green"):
            await self._see.relay(GREEN, on=True)
            await self._see.relay(YELLOW, on=False)

    async def _order(self, what: str, *details: str) -> None:
        await self._say(what, self._said[self._open], *details)

    async def _say(self, what: str, person: str, *details: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self._site.ask_central(
            what, self._open, *details, *self._site.identified(person)
        )
        return answer

    async def _end_on_site(self) -> None:
        site, see = self._site, self._see
        with self._tell.step("badge", person=TECHNICIAN.name):
            await site.badge.command("card_in", uid=TECHNICIAN.badge)
            await self._recorded("arrived")
            await site.badge.command("card_out", uid=TECHNICIAN.badge)
        await site.bus.command("lift", slave=TERMINAL, **FREED)
        with self._tell.step("released", persons=1, injured=0):
            await self._order("release", "--persons", "1", "--injured", "0")
            await self._recorded("released")
        with self._tell.step("key"):
            await site.bus.command("contact", slave=BOARD, di=KEY, on=True)
            await see.gateway(lambda s: not s["alarms"])
            await see.relay(GREEN, on=False)
        await site.bus.command("contact", slave=BOARD, di=KEY, on=False)
        await site.bus.command("lift", slave=TERMINAL, fault_code=0, door_closed=1)
        await see.gateway(settled)

    async def _recorded(self, kind: str) -> None:
        """The gateway has recorded it of the open rescue, and the centre has that."""
        await self._see.centre(
            lambda answer: any(line["kind"] == kind for line in _rescue(answer)["timeline"]), "alarms"
        )


def _rescue(answer: dict[str, Any]) -> dict[str, Any]:
    """The rescue that is not over, as the desk sees it; one without a line while there is none."""
    rescues: list[dict[str, Any]] = answer["incidents"]
    return next((one for one in rescues if one["ended"] is None), {"timeline": [], "overdue": []})
