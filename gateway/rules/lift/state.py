"""What is known of a lift between two steps."""

from typing import Literal

import msgspec

from gateway.rules.base import Say
from model.bodies import Cause, RescueState
from model.time import Stamp

Suspicion = Literal["level", "non_level", "terminal"]
Clock = Literal["dispatch", "arrive", "release"]
Switch = Literal["key", "maintenance"]

CALM_US = 60_000_000
"""What a contact does again within that is not stored anew: one that chatters would fill the store."""


def told_from_outside(now: Stamp) -> bool:
    """Only such a wall clock is the same one in two boots: a clock on a battery may have stood still."""
    return now.tq.source in ("ntp", "gnss")


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a clock of the rescue began. `t` by the wall, which was `known` then or not."""

    boot: str
    mono: int
    t: int
    known: bool = True

    def passed(self, now: Stamp) -> int:
        """Microseconds; in a later boot by the wall, and at least as long as this one is up: no breach is invented."""
        if now.boot == self.boot:
            return now.mono - self.mono
        wall = now.t - self.t if self.known and told_from_outside(now) else 0
        return max(now.mono, wall)

    def left(self, until: int, now: Stamp) -> int:
        """Microseconds, of what was to last until then by the clock of its boot."""
        return max(0, until - self.mono - self.passed(now))


class Owed(msgspec.Struct, frozen=True):
    """A short message that is not sent yet: to whom, at which step of the escalation."""

    person: str
    n: int


class LiftAlarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """Facts are only ever added to it, so that its state cannot go back.

    `told` is when it was last said (CLOCK_BOOTTIME us), `emissions` how often; `delivered`: the centre has committed the last,
    or nobody will ever tell, `sent`: it has committed one. `repeats` were counted when one was last told, at `repeated`; that
    many are on record: `repeats_told`. `steps` of the escalation are done, the next is at `next_step`, as was found at
    `stepped`. `arrived_by` is whoever was first said to be there, `proven_by` whose badge or PIN was. `clocks` run towards the
    profile's limits. `guesses`: texts with wrong codes that came by short message.
    """

    id: str
    raised: int
    cause: Cause
    told: int
    emissions: int = 1
    sent: bool = False
    delivered: bool = False
    repeats: int = 0
    repeats_told: int = 0
    repeated: int | None = None
    what: str = "lift_alarm"
    suspected: Suspicion | None = None
    maintenance: bool = False
    wall_known: bool = True
    floor: int | None = None
    steps: int = 0
    next_step: int | None = None
    stepped: Mark | None = None
    dialler: bool = False
    owed: tuple[Owed, ...] = ()
    guesses: int = 0
    acked_by: str | None = None
    voice_until: int | None = None
    dispatched: bool = False
    arrived_by: str | None = None
    proven_by: str | None = None
    released: bool = False
    clocks: dict[Clock, Mark] = {}

    @property
    def state(self) -> RescueState:
        if self.released:
            return "released"
        if self.arrived_by is not None:
            return "on_site"
        if self.dispatched:
            return "dispatched"
        if self.acked_by is not None:
            return "acked"
        return "sent" if self.sent else "sending"


class Press(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contact is down since its first sample. `counted`: its time is up. One that follows another at once is not `kept`."""

    cause: Cause
    boot: str
    counted: bool = False
    kept: bool = True


class Heard(msgspec.Struct, frozen=True, omit_defaults=True):
    """The press that was counted last, by its first sample."""

    source: str
    mono: int
    kept: bool = True


class Filtered(msgspec.Struct, frozen=True):
    """A press that was no call yet."""

    source: str
    press: Press


class Gap(msgspec.Struct, frozen=True):
    """What held is not said any more, or denied; it holds on if it is said again before `until`."""

    until: int
    denied: bool


class Flap(msgspec.Struct, frozen=True):
    """The car has taken a suspicion back, `n` times without a calm; it is not told again before `until`, as was found at `found`."""

    n: int
    until: int
    found: Mark


class LiftState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By source (the point that tells of the button): `down` are the presses that last. `key` says that the key was turned when
    it was last seen. `spent`: suspicions that have spoken and still hold. `flaps`: those that come and go.

    The rest is not kept over a start. `turning`: since when the key was, while a call was open, until that counts. `began`: the
    last press of each source. `settling`: when a switch was turned back. `untold`: repeats since one was told. `car`: what the
    terminal said last, where it was good. `since`: how long what it means has held, but for `gaps`. `blind`: after a reboot
    nobody knows for how long it had held before.
    """

    alarm: LiftAlarm | None = None
    down: dict[str, Press] = {}
    heard: Heard | None = None
    filtered: Filtered | None = None
    filters: int = 0
    key: bool = False
    maintenance: bool = False
    spent: tuple[Suspicion, ...] = ()
    flaps: dict[Suspicion, Flap] = {}
    turning: Press | None = None
    began: dict[str, int] = {}
    settling: dict[Switch, int] = {}
    untold: int = 0
    car: dict[str, int] = {}
    since: dict[str, int] = {}
    gaps: dict[str, Gap] = {}
    blind: tuple[Suspicion, ...] = ()


Moved = tuple[LiftState, tuple[Say, ...]]
"""The state after, and what is said of it."""


def changed(state: LiftState, **facts: object) -> LiftState:
    """The state with other facts of its alarm."""
    assert state.alarm
    return msgspec.structs.replace(state, alarm=msgspec.structs.replace(state.alarm, **facts))


def kept(state: LiftState) -> LiftState:
    """Without what a car does all day, and what a contact does that chatters. How long a key is turned while nobody looks is not
    known: if it still is then, that begins anew.
    """
    return LiftState(
        alarm=state.alarm,
        down={source: press for source, press in state.down.items() if press.kept},
        heard=state.heard if state.heard and state.heard.kept else None,
        filtered=state.filtered,
        filters=state.filters,
        key=(state.key and not (state.turning and state.turning.kept)) or "key" in state.settling,
        maintenance=state.maintenance or "maintenance" in state.settling,
        spent=state.spent,
        flaps=state.flaps,
    )
