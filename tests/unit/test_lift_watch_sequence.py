"""What is told of a lift's terminal is what it counted: codes read and codes missed, over rounds, restarts and days without power."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.rules.lift_watch import LiftWatchConfig, LiftWatchRule
from gateway.rules.site import Lift, Site
from model.bodies import LiftEvent, LiftGap
from support.rules import Bench

_KINDS = {"fault_code": st.integers(1, 8), "event_code": st.integers(40, 47), "alarm_code": st.just(90)}
_ITEMS = st.sampled_from(sorted(_KINDS)).flatmap(lambda name: st.tuples(st.just(name), _KINDS[name]))
_UNSEEN_S = 3000


class Terminal:
    """Counts each new fault, event and alarm, and its seconds, in 16 bits; a restart takes all of it."""

    def __init__(self, uptime: int, seq: int) -> None:
        self.uptime = uptime
        self.seq = seq
        self.codes = dict.fromkeys(_KINDS, 0)

    def says(self, name: str, code: int) -> None:
        self.codes[name] = code
        if code:
            self.seq += 1

    def restart(self) -> None:
        self.__init__(0, 0)  # type: ignore[misc]

    def image(self) -> dict[str, int]:
        return {"heartbeat": self.uptime & 0xFFFF, **self.codes, "event_seq": self.seq & 0xFFFF}


class SequenceMachine(RuleBasedStateMachine):
    """`counted` is what the terminal has counted since it was read last; a restart of it begins that anew."""

    def __init__(self) -> None:
        super().__init__()
        fields = {"id": "w", "rule": "lift_watch", "profile": "lift-watch-default", "lift": "l1", "terminal": "lift1"}
        config = LiftWatchConfig.model_validate(fields)
        self.bench = Bench(LiftWatchRule(config, Site(lifts={"l1": Lift(id="l1")})))
        self.order = [point.partition(".")[2] for point in config.also()]
        self.terminal = Terminal(40_000, 65_000)
        self.restarted = False
        self.counted = 0
        self.unseen_s = 0
        self.seen_at = 0
        self.standing: set[str] = set()
        self.poll()

    @rule(seconds=st.integers(1, 900))
    @precondition(lambda self: self.unseen_s < _UNSEEN_S)
    def time_passes(self, seconds: int) -> None:
        self.bench.advance(seconds)
        self._passed(seconds)

    def _passed(self, seconds: int) -> None:
        self.terminal.uptime += seconds
        self.unseen_s += seconds

    @rule(items=st.lists(_ITEMS, min_size=1, max_size=5))
    def says(self, items: list[tuple[str, int]]) -> None:
        for name, code in items:
            self.terminal.says(name, code)
            self.counted += 1

    @rule(name=st.sampled_from(["fault_code", "alarm_code"]))
    def is_over(self, name: str) -> None:
        self.terminal.says(name, 0)

    @precondition(lambda self: self.counted < 10_000)
    @rule(n=st.integers(1, 20_000), code=st.integers(40, 47))
    def says_a_lot(self, n: int, code: int) -> None:
        """The last one is what can be read."""
        self.terminal.says("event_code", code)
        self.terminal.seq += n - 1
        self.counted += n

    @precondition(lambda self: 2 * _UNSEEN_S < self.seen_at < 0x10000 - 3 * _UNSEEN_S)
    @rule()
    def restarts(self) -> None:
        """Where its heartbeat can tell: what it counted before nobody will know."""
        self.terminal.restart()
        self.restarted, self.counted = True, 0

    @precondition(lambda self: self.unseen_s < _UNSEEN_S)
    @rule(rebooted=st.booleans())
    def gateway_restarts(self, rebooted: bool) -> None:
        self.bench.restart(rebooted=rebooted)
        if rebooted:
            self._passed(120)

    @precondition(lambda self: self.unseen_s < _UNSEEN_S)
    @rule(points=st.integers(1, len(_KINDS) + 1), rebooted=st.booleans())
    def power_goes_in_the_middle_of_a_poll(self, points: int, rebooted: bool) -> None:
        """Before the count: the codes that it had read are for the next poll to tell."""
        said = self._sampled(points)
        assert all(b.code == "terminal_restarted" or not b.on for b in said)
        self.gateway_restarts(rebooted)

    def _sampled(self, points: int | None = None) -> list[Any]:
        """What is said of so many points of a poll, or of all."""
        image = self.terminal.image()
        names = sorted(image, key=self.order.index)[:points]
        said = [s.body for name in names for s in self.bench.sample(f"lift1.{name}", image[name])]
        for body in said:
            if isinstance(body, LiftEvent) and body.what in ("fault", "alarm"):
                self.standing = self.standing | {body.raw} if body.on else self.standing - {body.raw}
        return said

    @rule()
    def poll(self) -> None:
        """Codes that were read and codes that were missed are all that were counted; what stands was told."""
        said = self._sampled()
        codes = self.terminal.codes
        assert self.standing == {str(codes[name]) for name in ("fault_code", "alarm_code") if codes[name]}
        read = [b for b in said if isinstance(b, LiftEvent) and b.on and b.code != "terminal_restarted"]
        missed = [b.n for b in said if isinstance(b, LiftGap)]
        assert len(missed) <= 1
        assert len(read) + sum(missed) == self.counted
        restarts = [b for b in said if isinstance(b, LiftEvent) and b.code == "terminal_restarted"]
        assert len(restarts) == self.restarted
        self.restarted, self.counted, self.unseen_s = False, 0, 0
        self.seen_at = self.terminal.image()["heartbeat"]

    @invariant()
    def nothing_waits_for_ever(self) -> None:
        assert self.bench.state.terminal.fresh == ()


TestSequence = SequenceMachine.TestCase
TestSequence.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
