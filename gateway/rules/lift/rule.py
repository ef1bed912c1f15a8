"""A lift's alarm: raised by the button or the car's state, told until a named person has answered, ended on site."""

from collections.abc import Sequence
from typing import Any, ClassVar

from gateway.rules.base import (
    Acked,
    Badged,
    Delivered,
    Input,
    Message,
    OpenAlarm,
    Order,
    PointInput,
    Restarted,
    Rule,
    Say,
    Sent,
    Step,
    Texted,
    Tick,
    Unheard,
)
from gateway.rules.lift.button import Button
from gateway.rules.lift.car import seen
from gateway.rules.lift.config import LiftConfig
from gateway.rules.lift.entrapment import Entrapment
from gateway.rules.lift.escalation import Escalate
from gateway.rules.lift.rescue import RescueSteps, here, orders
from gateway.rules.lift.state import LiftState, Moved, changed, kept
from gateway.rules.lift.switches import settled, switched
from gateway.rules.lift.switches import wakes as settles
from gateway.rules.lift.terms import Terms
from gateway.rules.site import Site
from model.observation import Quality
from model.time import Stamp


class LiftRule(Rule):
    state_type: ClassVar[type[Any]] = LiftState
    version: ClassVar[int] = 1

    def __init__(self, config: LiftConfig, site: Site) -> None:
        self.id = config.id
        self.about = config.lift_id
        self._config = config
        self._car = frozenset(config.car_points())
        terms = Terms(config, site)
        self._button = Button(terms)
        self._entrapment = Entrapment(terms)
        self._escalate = Escalate(terms)
        self._rescue = RescueSteps(terms)

    def initial(self) -> LiftState:
        return LiftState()

    def kept(self, state: LiftState) -> LiftState:
        return kept(state)

    def signals(self, state: LiftState) -> frozenset[str]:
        """Yellow and siren until a person has answered, then green until it is over."""
        alarm = state.alarm
        if alarm is None:
            return frozenset()
        if alarm.acked_by is None:
            return frozenset({"lamp_yellow", "siren", "dialler"} if alarm.dialler else {"lamp_yellow", "siren"})
        return frozenset({"lamp_green", "voice"} if alarm.voice_until is not None else {"lamp_green"})

    def alarms(self, state: LiftState) -> list[OpenAlarm]:
        a = state.alarm
        if a is None:
            return []
        where = (a.cause.device, a.cause.point)
        return [OpenAlarm(a.id, a.what, *where, a.raised, None, "1", a.acked_by, a.state, orders(a), here(a))]

    def messages(self, state: LiftState) -> Sequence[Message]:
        return self._escalate.messages(state)

    def step(self, state: LiftState, event: Input, now: Stamp) -> Step:
        state, says = self._moved(state, event, now)
        wakes = [*self._button.wakes(state), *self._entrapment.wakes(state), *self._escalate.wakes(state, now)]
        wakes += [*self._rescue.wakes(state), *settles(state)]
        return Step(state, says, min(wakes, default=None))

    def _moved(self, state: LiftState, event: Input, now: Stamp) -> Moved:
        match event:
            case PointInput():
                return self._sampled(state, event)
            case Tick():
                return self._due(state, now)
            case Acked():
                return self._rescue.acked(state, event, now)
            case Order():
                return self._rescue.ordered(state, event, now)
            case Badged():
                return self._rescue.badged(state, event, now)
            case Texted():
                return self._rescue.texted(state, event, now)
            case Sent():
                return self._escalate.sent(state, event)
            case Delivered(id_) | Unheard(id_) if (
                state.alarm and state.alarm.id == id_ and state.alarm.acked_by is None
            ):
                sent = state.alarm.sent or isinstance(event, Delivered)
                return self._due(changed(state, sent=sent, delivered=True), now)
            case Restarted(rebooted=True):
                state = self._escalate.rebooted(self._entrapment.rebooted(state, now), now)
                return self._button.rebooted(state, now)
        return state, ()

    def _sampled(self, state: LiftState, event: PointInput) -> Moved:
        """One point may be several things: the car's, and the button."""
        says: tuple[Say, ...] = ()
        name = f"{event.device}.{event.point}"
        if (known := name in self._car) and (after := seen(state, event)) is not state:
            state = self._entrapment.judged(after, event.at)
        if name in self._button.sources:
            state, ended = self._rescue.due(state, event.at)  # a press after that is a new call
            state, says = self._button.sampled(state, name, event)
            says = ended + says
        elif name == self._config.maintenance and event.quality is Quality.GOOD:
            on = event.value == self._config.maintenance_active
            state = state if on == state.maintenance else switched(state, "maintenance", event.at, on=on)
        elif name == self._config.end:
            state, says = self._rescue.key(state, event)
        elif not known:
            return state, ()
        state, more = self._due(state, event.at)
        return state, says + more

    def _due(self, state: LiftState, now: Stamp) -> Moved:
        """Do what the clock asks for."""
        says: tuple[Say, ...] = ()
        for part in (self._rescue, self._button, self._entrapment, self._escalate):
            state, more = part.due(state, now)
            says += more
        return settled(state, now), says
