"""A lift with everything that its alarm can have: contact and terminal, badge reader, key, maintenance switch, people to tell."""

from dataclasses import replace
from typing import Any

from gateway.rules.base import Message, Order, OrderName, Say
from gateway.rules.lift import LiftConfig, LiftRule
from gateway.rules.site import Lift, Person, Site
from model.bodies import RescueOrder
from model.observation import Quality
from support.rules import Bench

BUTTON, KEY, SWITCH, READER, TERMINAL = "board.di2", "board.di4", "board.di5", "badge1", "lift1"
LIU, CHEN, SUN = (
    Person(name="liu", phone="+8613800000001", tier=1, badge="04A1", role=["technician"]),
    Person(name="chen", phone="+8613800000002", tier=2),
    Person(name="sun", phone=None, tier=1, badge="04B2", role=["safety_manager"]),
)
SITE = Site(
    (LIU, CHEN, SUN),
    {"l1": Lift(id="l1", rescue="330106", name="3号楼", address="文一路12号")},
    secret=b"of this gateway",
)
TRAPPED = {"service_mode": 1, "car_status": 0, "door_zone": 0, "door_closed": 1, "passenger": 1, "display_floor": 11}
SHUT_IN = TRAPPED | {"door_zone": 1}
STANDS_OPEN = TRAPPED | {"door_zone": 1, "door_closed": 0}
RUNNING = TRAPPED | {"car_status": 1}
EMPTY = SHUT_IN | {"passenger": 0}


class LiftBench(Bench):
    """The rule of that lift, and what may happen to it. Without `badges`, `end` or `terminal` it has none of that."""

    def __init__(
        self, *, badges: bool = True, end: bool = True, terminal: bool = True, codes: str = "gbt24476-2017", **more: Any
    ) -> None:
        fields: dict[str, Any] = {
            "id": "lift-1",
            "rule": "lift",
            "profile": "lift-default",
            "lift": "l1",
            "alarm": BUTTON,
            "terminal": TERMINAL if terminal else None,
            "end": KEY if end else None,
            "badges": [READER] if badges else [],
            "maintenance": SWITCH,
        }
        config = LiftConfig.model_validate(fields | more)
        lift = SITE.lifts["l1"].model_copy(update={"codes": codes})
        super().__init__(LiftRule(config, replace(SITE, lifts={"l1": lift})))

    def car(self, points: dict[str, int], quality: Quality = Quality.GOOD) -> list[Say]:
        """One poll of the terminal."""
        said = []
        for name, value in points.items():
            said += self.sample(f"{TERMINAL}.{name}", value if quality is Quality.GOOD else None, quality)
        return said

    def press(self, point: str = BUTTON) -> list[Say]:
        return self.sample(point, 1) + self.advance(0.5) + self.sample(point, 0)

    def turn(self) -> list[Say]:
        return self.sample(KEY, 1) + self.advance(0.5) + self.sample(KEY, 0)

    def later(self, us: int) -> None:
        """Time passes, and the Ticks come late."""
        self._to(self.mono + us)

    def order(self, what: OrderName, via: str = "centre", by: str = "wang", **details: Any) -> list[Say]:
        alarm = details.pop("alarm", None) or self.alarm
        command = "c1" if via == "centre" else None
        return self.step(Order(what, RescueOrder(alarm=alarm, **details), by, command, via))  # type: ignore[arg-type]

    @property
    def alarm(self) -> str:
        (alarm,) = self.open()
        return alarm

    @property
    def messages(self) -> list[Message]:
        return list(self.rule.messages(self.state))

    @property
    def signals(self) -> frozenset[str]:
        return self.rule.signals(self.state)


def kinds(says: list[Say]) -> list[str]:
    return [say.kind.partition(".")[2][:-2] for say in says]
