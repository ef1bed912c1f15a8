"""From observations to records: rules at once, then the journal; what a rule said becomes visible when it is durable.

Safety goes before bookkeeping: an alarm that is not durable within `DURABLE_S` is shown and sent all the same.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from gateway.owed import Owed, why_not
from gateway.records import Arrivals, Changes, point_map_draft, poll_draft, scan_draft, window_draft
from gateway.rules.base import Acked, Delivered, Input, OpenAlarm, PointInput, Restarted, Rule, Say, Step, Tick
from model.bodies import AlarmBody, RuleState
from model.errors import LinkError, StoreError
from model.observation import Observation, PointMap, Poll, Quality, Scan, TagWindow
from model.record import Draft, Stream, draft
from model.time import Clock, Stamp
from sync.journal.journal import Journal

QUEUE_MAX = 10_000
"""Observations that may wait while the event loop is busy; more are counted as a gap."""
DURABLE_S = 0.3
URGENT_RETRY_S = 5.0
URGENT_AGAIN_S = 60.0
_NOT_YET = 2**63

log = logging.getLogger("doorpost.pipeline")

OnUrgent = Callable[[str, AlarmBody, Stamp], Coroutine[Any, Any, None]]
"""Sends an alarm (kind, body, time) that is not durable yet. Raises LinkError."""


class Pipeline:
    """All methods are for the event loop's thread. `start` first, then `run` until cancelled."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        rules: Mapping[Rule, Sequence[str]],
        *,
        on_signals: Callable[[frozenset[str]], None],
        on_urgent: OnUrgent,
        on_observation: Callable[[Observation], None],
        on_alarms: Callable[[], None],
    ) -> None:
        """`rules` with the points ("DEVICE.POINT") that each watches."""
        self._journal = journal
        self._clock = clock
        self._rules = list(rules)
        self._on_signals = on_signals
        self._on_urgent = on_urgent
        self._on_observation = on_observation
        self._on_alarms = on_alarms
        self._loop = asyncio.get_running_loop()
        self._watchers: dict[str, dict[str, list[Rule]]] = {}
        for rule, points in rules.items():
            for point in points:
                device, _, name = point.partition(".")
                self._watchers.setdefault(device, {}).setdefault(name, []).append(rule)
        self._states: dict[str, Any] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unsure: set[str] = set()  # alarms of which a store tells that is sealed by now
        self._told: dict[str, int] = {}  # alarm -> number of its newest record, while the centre has not got it
        self._at_centre = 0
        self._queue: asyncio.Queue[Observation] = asyncio.Queue(QUEUE_MAX)
        self._maps: set[str] = set()
        self._changes = Changes()
        self._arrivals = Arrivals()
        self._owed = Owed(journal, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    # what the rest asks of it

    def emit(self, observation: Observation) -> None:
        """Hand over and return. What does not fit is counted."""
        try:
            self._queue.put_nowait(observation)
        except asyncio.QueueFull:
            self._owed.missed(observation.device, "queue_full", observation.at.t)

    def commit(self, observation: Observation) -> "asyncio.Future[int]":
        """The number of the record once durable; StoreError otherwise. For scans that a device wants answered."""
        if not isinstance(observation, Scan):
            raise TypeError("only a scan is answered")
        return asyncio.ensure_future(self._commit_scan(observation))

    def silent(self, points: PointMap) -> None:
        """The device cannot be reached: the rules are told that nobody knows its points. No reading was made of it."""
        n = len(points.points)
        poll = Poll(points.device, points, [None] * n, self._clock.now(), [Quality.COMM_ERROR] * n)
        self._ask_rules(poll)

    def measured(self, event: PointInput) -> None:
        """A value of the gateway itself, for the rules that watch it. No reading is made of it."""
        for rule in self._watchers.get(event.device, {}).get(event.point, ()):
            self._step(rule, event)

    def start(self, *, rebooted: bool) -> None:
        """Give the rules their states back, and let them do what has become due meanwhile."""
        for rule in self._rules:
            self._states[rule.id] = self._stored(rule)
        for rule in self._rules:
            for alarm in rule.alarms(self._states[rule.id]):
                self._told[alarm.id] = self._journal.last(Stream.ALARM)
            self._step(rule, Restarted(rebooted))
        self._on_signals(self.signals())

    async def run(self) -> None:
        """Take observations as they come, and pay what is owed to the journal."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._owed.run(), name="owed")
            while True:
                self._take(await self._queue.get())

    async def settle(self) -> None:
        """At an orderly stop, after `run`: what the drivers still handed over, and what is owed, goes to the journal."""
        while not self._queue.empty():
            self._take(self._queue.get_nowait())
        await self._owed.settle()

    def note(self, drafts: Sequence[Draft], owner: str, state: Mapping[str, bytes] | None = None) -> None:
        """Records of the gateway itself, of the core streams, with state that changes with them."""
        _ = self._owed.submit(drafts, owner, state=state)

    def delivered(self, stream: Stream, upto: int) -> None:
        """The centre has committed this stream up to there."""
        if stream is not Stream.ALARM:
            return
        self._at_centre = upto
        for alarm, seq in list(self._told.items()):
            if seq <= upto:
                del self._told[alarm]
                for rule in self._rules:
                    self._step(rule, Delivered(alarm))
        self._on_alarms()

    def renumbered(self) -> None:
        """Another store has taken the journal's place: the old numbers are no longer waited for, and nothing is claimed by them."""
        self._at_centre = 0
        self._unsure |= self._told.keys()
        self._told = dict.fromkeys(self._told, 0)
        self.delivered(Stream.ALARM, 0)

    def alarms(self) -> list[tuple[OpenAlarm, bool]]:
        """What is open, and whether the centre is known to have all that was said of it."""
        waited = self._told.keys() | self._unsure
        return [(a, a.id not in waited) for rule in self._rules for a in rule.alarms(self._states[rule.id])]

    def signals(self) -> frozenset[str]:
        """What the rules' states want on."""
        return frozenset().union(*(rule.signals(self._states[rule.id]) for rule in self._rules))

    def why_not_ack(self, alarm: str) -> str | None:
        """Why this alarm cannot be acknowledged now, None where it can."""
        for known, _ in self.alarms():
            if known.id == alarm:
                return f"acked_by {known.acked_by}" if known.acked_by else None
        return "alarm_not_open"

    async def acknowledge(self, alarm: str, by: str, command: str, result: Draft, stored: Mapping[str, bytes]) -> None:
        """A person has answered: the transition and the command's result are one transaction. Returns once durable."""
        for rule in self._rules:
            if any(a.id == alarm for a in rule.alarms(self._states[rule.id])):
                await asyncio.shield(self._transact(rule, Acked(alarm, by, command), [result], stored))

    # one observation

    def _take(self, observation: Observation) -> None:
        """An observation that cannot be taken, too large or met by a defect, costs itself and is counted."""
        try:
            self._on_observation(observation)
            match observation:
                case Poll():
                    self._take_poll(observation)
                case Scan():  # one that its device wants answered comes by `commit`
                    _ = self._owed.submit([scan_draft(observation)], observation.device)
                case TagWindow():
                    self._take_window(observation)
        except Exception:
            log.exception("an observation of %s could not be taken", observation.device)
            self._owed.missed(observation.device, "defect", observation.at.t)

    def _take_poll(self, poll: Poll) -> None:
        urgent, record = self._changes.judge(poll)
        self._ask_rules(poll)
        if not record:
            return
        if poll.map.hash not in self._maps:
            self._record_map(poll)
        self._journal.post(poll_draft(poll), partial(self._reading_refused, poll.device, poll.at.t), urgent=urgent)

    def _ask_rules(self, poll: Poll) -> None:
        for name, rules in self._watchers.get(poll.device, {}).items():
            position = poll.map.index[name]
            point = poll.map.points[position]
            event = PointInput(poll.device, name, poll.scaled(position), point.unit, poll.quality_of(position), poll.at)
            for rule in rules:
                self._step(rule, event)

    def _record_map(self, poll: Poll) -> None:
        """On `audit` before the first reading that names it: core is committed first."""
        self._maps.add(poll.map.hash)
        key = f"map/{poll.map.hash}"
        if not self._journal.state(key):
            one = point_map_draft(poll)  # its body stays in the state: readings outlive the record that explains them
            _ = self._owed.submit([one], poll.device, state={key: one.body})

    def _reading_refused(self, device: str, t: int, error: StoreError) -> None:
        self._owed.missed(device, why_not(error), t)
        self._changes.forget(device)

    def _take_window(self, window: TagWindow) -> None:
        if (seen := self._arrivals.judge(window)) is not None:
            _ = self._owed.submit([seen], window.device)
        age_s = (self._clock.mono() - window.first.mono) / 1e6
        self._journal.post(window_draft(window), partial(self._window_refused, window.device, window.at.t), age_s=age_s)

    def _window_refused(self, device: str, t: int, error: StoreError) -> None:
        self._owed.missed(device, why_not(error), t)

    async def _commit_scan(self, scan: Scan) -> int:
        """Durable before the device is answered. A crash between the two makes the device repeat what is already stored:

        such a repeat is that scan. Once it has been answered, a repeat of the same symbol is a new scan.
        """
        key = f"scan/{scan.device}"
        if scan.repeated and self._journal.state(key) == scan.data:
            number = self._journal.last(Stream.EVENT)
        else:
            number = (await self._journal.append([scan_draft(scan)], state={key: scan.data}))[0]
        # forgotten here at once, and on the disk as soon as it takes it: by then the device has its answer
        self._journal.note(key, None)
        _ = self._journal.submit([])
        self._on_observation(scan)
        return number

    # one rule

    def _stored(self, rule: Rule) -> Any:
        raw = self._journal.state(f"rule/{rule.id}")
        if raw is None:
            return rule.initial()
        try:
            stored = msgspec.json.decode(raw, type=RuleState)
            if stored.v == rule.version:
                return msgspec.convert(stored.state, rule.state_type)
            log.warning("rule %s starts anew: its state is of version %s", rule.id, stored.v)
        except (msgspec.MsgspecError, UnicodeDecodeError) as err:
            log.error("rule %s starts anew: its state cannot be read: %s", rule.id, err)
        return rule.initial()

    def _step(self, rule: Rule, event: Input) -> None:
        """A defect of one rule is that rule's alone."""
        try:
            _ = self._transact(rule, event)
        except Exception:
            log.exception("rule %s failed on %s", rule.id, event)

    def _transact(
        self,
        rule: Rule,
        event: Input,
        more: Sequence[Draft] = (),
        more_state: Mapping[str, bytes] | None = None,
    ) -> "asyncio.Future[list[int]]":
        """One step; its records and its state go into the core file in one transaction."""
        now = self._clock.now()
        before = self._states[rule.id]
        step = rule.step(before, event, now)
        self._states[rule.id] = step.state
        self._arm(rule, step)
        if step.state == before and not step.says and not more:
            nothing: asyncio.Future[list[int]] = self._loop.create_future()
            nothing.set_result([])
            return nothing
        state = draft("rule.state/1", RuleState(rule=rule.id, v=rule.version, state=step.state), now)
        drafts = [*(draft(say.kind, say.body, now) for say in step.says), *more, state]
        done = self._owed.submit(drafts, rule.id, state={f"rule/{rule.id}": state.body, **(more_state or {})})
        for say in step.says:
            self._told[say.body.alarm] = _NOT_YET
            self._unsure.discard(say.body.alarm)
        if step.says:
            done.add_done_callback(lambda f: self._numbered(step.says, f.result()))
        self._spawn(self._make_known(step, now, done))
        return done

    def _numbered(self, says: Sequence[Say], numbers: Sequence[int]) -> None:
        """The centre may have been quicker with its word than we with hearing of our own commit."""
        for say, seq in zip(says, numbers, strict=False):
            self._told[say.body.alarm] = seq
        self.delivered(Stream.ALARM, self._at_centre)

    def _arm(self, rule: Rule, step: Step) -> None:
        if timer := self._timers.pop(rule.id, None):
            timer.cancel()
        if step.wake is not None:
            wait = max(0.0, (step.wake - self._clock.mono()) / 1e6)
            self._timers[rule.id] = self._loop.call_later(wait, self._step, rule, Tick())

    async def _make_known(self, step: Step, at: Stamp, done: "asyncio.Future[list[int]]") -> None:
        """Outputs and page show what is true now, once this step is durable or `DURABLE_S` have passed."""
        await asyncio.wait({done}, timeout=DURABLE_S)
        self._on_signals(self.signals())
        self._on_alarms()
        for say in step.says:
            await self._send_urgent(say, at, done)

    async def _send_urgent(self, say: Say, at: Stamp, done: "asyncio.Future[list[int]]") -> None:
        """Again and again until the journal has it: that the broker took it does not say that the desk has it."""
        pause = URGENT_RETRY_S
        while not done.done():
            try:
                await self._on_urgent(say.kind, say.body, at)
                pause = URGENT_AGAIN_S
            except LinkError as err:
                log.warning("urgent %s of alarm %s not sent: %s", say.kind, say.body.alarm, err)
                pause = URGENT_RETRY_S
            await asyncio.wait({done}, timeout=pause)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
