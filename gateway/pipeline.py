"""From observations to records: rules at once, then the journal; what a rule said becomes visible when it is durable.

Safety goes before bookkeeping: an alarm that is not durable within `DURABLE_S` is shown all the same, and goes to the desk past
the journal, `urgent`. What is no alarm waits until the disk takes it, or is counted, `Owed`.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from gateway.deliveries import Deliveries
from gateway.owed import Owed, why_not
from gateway.records import (
    Arrivals,
    Changes,
    card_draft,
    point_map_draft,
    poll_draft,
    scan_draft,
    text_draft,
    window_draft,
)
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
    Step,
    Texted,
    Tick,
    Unheard,
)
from gateway.urgent import OnUrgent, send_urgent
from model.bodies import AlarmBody, RuleLost, RuleState
from model.errors import StoreError
from model.observation import Card, Observation, PointMap, Poll, Quality, Scan, TagWindow, TextMessage
from model.record import Draft, Stream, draft
from model.time import Clock, Stamp
from sync.journal.journal import Journal

QUEUE_MAX = 10_000
"""Observations that may wait while the event loop is busy; more are counted as a gap."""
DURABLE_S = 0.3

log = logging.getLogger("doorpost.pipeline")

T = TypeVar("T")


class Pipeline:
    """All methods are for the event loop's thread. `start` first, then `run` until cancelled."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        rules: Mapping[Rule, Sequence[str]],
        readers: Mapping[str, Sequence[Rule]] = MappingProxyType({}),
        *,
        on_signals: Callable[[Mapping[str, frozenset[str]]], None],
        on_urgent: OnUrgent,
        on_observation: Callable[[Observation], None],
        on_alarms: Callable[[], None],
        on_messages: Callable[[Sequence[tuple[Rule, Message]]], None] = lambda _: None,
    ) -> None:
        """`rules` with the points ("DEVICE.POINT") that each watches, where its device has them; `readers` with the rules that
        are told their cards.
        """
        self._journal = journal
        self._clock = clock
        self._rules = list(rules)
        self._on_signals = on_signals
        self._on_urgent = on_urgent
        self._on_observation = on_observation
        self._on_alarms = on_alarms
        self._on_messages = on_messages
        self._readers = readers
        self._loop = asyncio.get_running_loop()
        self._watchers: dict[str, dict[str, list[Rule]]] = {}
        for rule, points in rules.items():
            for point in points:
                device, _, name = point.partition(".")
                self._watchers.setdefault(device, {}).setdefault(name, []).append(rule)
        self._states: dict[str, Any] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._deliveries = Deliveries(journal)
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
        """The number of the record once durable; StoreError otherwise. For scans that a device wants answered, and messages."""
        match observation:
            case Scan():
                return asyncio.ensure_future(self._commit_scan(observation))
            case TextMessage():
                return asyncio.ensure_future(self._commit_text(observation))
        raise TypeError("no device waits for that")

    def frame_lost(self, scan: Scan) -> None:
        """Its record is there, and the picture that it names is not."""
        self._owed.missed(scan.device, "frame_lost", scan.at.t)

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
            unheard = [subject for subject in self._asked(rule, rule.awaits) if not self._deliveries.found(subject)]
            self._step(rule, Restarted(rebooted))
            for subject in unheard:
                if not self._deliveries.under_way(subject):
                    self._step(rule, Unheard(subject))
        self._show_signals()
        self._show_messages()

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
        for subject in self._deliveries.reached(upto):
            self._step_all(Delivered(subject))
        self._on_alarms()

    def renumbered(self) -> None:
        """Another store has taken the journal's place: that the centre has what only the old one holds is not claimed any more,
        and the rules are told so.
        """
        self._at_centre = 0
        for subject in self._deliveries.sealed():
            self._step_all(Unheard(subject))
        self._on_alarms()

    def alarms(self) -> list[tuple[OpenAlarm, bool]]:
        """What is open, and whether the centre is known to have all that was said of it."""
        return [(a, a.id not in self._deliveries) for rule in self._rules for a in self.open(rule)]

    def open(self, rule: Rule) -> Collection[OpenAlarm]:
        """Its alarms; none where it fails on its state."""
        return self._asked(rule, rule.alarms)

    def signals(self) -> dict[str, frozenset[str]]:
        """What the rules' states want on, by rule."""
        return {rule.id: frozenset(self._asked(rule, rule.signals)) for rule in self._rules}

    def messages(self) -> list[tuple[Rule, Message]]:
        """What the rules' states want sent."""
        return [(rule, message) for rule in self._rules for message in self._asked(rule, rule.messages)]

    def why_not(self, event: Acked | Order) -> str | None:
        """Why this cannot be done to its alarm now, None where it can."""
        id_ = event.alarm if isinstance(event, Acked) else event.details.alarm
        for known, _ in self.alarms():
            if known.id != id_:
                continue
            if isinstance(event, Acked):
                return f"acked_by {known.acked_by}" if known.acked_by else None
            takes = known.here if event.via == "pin" else known.orders
            return None if event.what in takes else f"not_now {known.state or 'no_rescue'}"
        return "alarm_not_open"

    async def obey(
        self, event: Acked | Order, more: Sequence[Draft] = (), stored: Mapping[str, bytes] | None = None
    ) -> None:
        """A person says this of an alarm: the transition and what comes with it are one transaction. Returns once durable."""
        id_ = event.alarm if isinstance(event, Acked) else event.details.alarm
        for rule in self._rules:
            if any(a.id == id_ for a in self.open(rule)):
                await asyncio.shield(self._transact(rule, event, more, stored))

    def tell(self, rule: Rule, event: Input) -> None:
        """What one rule alone is to know."""
        self._step(rule, event)

    async def book(self, rule: Rule, event: Input) -> None:
        """What one rule alone is to know. Returns once durable."""
        await asyncio.shield(self._transact(rule, event))

    def state(self, rule: Rule) -> Any:
        """What it knows now."""
        return self._states[rule.id]

    def rule(self, id_: str) -> Rule | None:
        return next((rule for rule in self._rules if rule.id == id_), None)

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
                case Card():
                    self._take_card(observation)
                case TextMessage():
                    _ = self._take_text(observation)
                case TagWindow():
                    self._take_window(observation)
        except Exception:
            log.exception("an observation of %s could not be taken", observation.device)
            self._owed.missed(observation.device, "defect", observation.at.t)

    def _take_card(self, card: Card) -> None:
        _ = self._owed.submit([card_draft(card)], card.device)
        if card.present:
            for rule in self._readers.get(card.device, ()):
                self._step(rule, Badged(card.device, card.uid, card.at))

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
            position = poll.map.index.get(name)
            if position is None:
                continue
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

    async def _commit_text(self, message: TextMessage) -> int:
        """Its modem deletes it then."""
        self._on_observation(message)
        return (await asyncio.shield(self._take_text(message)))[0]  # whoever no longer waits takes nothing back

    def _take_text(self, message: TextMessage) -> "asyncio.Future[list[int]]":
        """What the rules make of it is durable before it is."""
        text = Texted(message.number, message.text, message.at, tuple(alarm.id for alarm, _ in self.alarms()))
        self._step_all(text)
        return self._owed.submit([text_draft(message)], message.device)

    # one rule

    def _stored(self, rule: Rule) -> Any:
        raw = self._journal.state(f"rule/{rule.id}")
        if raw is None:
            return rule.initial()
        try:
            stored = msgspec.json.decode(raw, type=RuleState)
            if stored.lift not in (None, rule.about):
                log.warning("rule %s starts anew: its state is of lift %s", rule.id, stored.lift)
                lost = RuleLost(rule=rule.id, why="lift", lift=stored.lift)
            elif stored.v == rule.version:
                return msgspec.convert(stored.state, rule.state_type)
            else:
                log.error("rule %s starts anew: its state is of version %s", rule.id, stored.v)
                lost = RuleLost(rule=rule.id, why="version", v=stored.v)
        except (msgspec.MsgspecError, UnicodeDecodeError) as err:
            log.error("rule %s starts anew: its state cannot be read: %s", rule.id, err)
            lost = RuleLost(rule=rule.id, why="unreadable")
        _ = self._owed.submit([draft("rule.lost/1", lost, self._clock.now())], rule.id)
        return rule.initial()

    def _step(self, rule: Rule, event: Input) -> None:
        """A defect of one rule is that rule's alone."""
        try:
            _ = self._transact(rule, event)
        except Exception:
            log.exception("rule %s failed on %s", rule.id, event)

    def _step_all(self, event: Input) -> None:
        for rule in self._rules:
            self._step(rule, event)

    def _asked(self, rule: Rule, ask: Callable[[Any], Collection[T]]) -> Collection[T]:
        """What it makes of its state; where it fails on that, nothing: what the other rules want is not lost with it."""
        try:
            return ask(self._states[rule.id])
        except Exception:
            log.exception("rule %s failed on its state", rule.id)
            return ()

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
        kept = rule.kept(step.state)
        if not step.says and not more and kept == rule.kept(before):
            nothing: asyncio.Future[list[int]] = self._loop.create_future()
            nothing.set_result([])
            return nothing
        state = draft("rule.state/1", RuleState(rule=rule.id, v=rule.version, lift=rule.about, state=kept), now)
        drafts = [*(draft(say.kind, say.body, now) for say in step.says), *more, state]
        done = self._owed.submit(drafts, rule.id, state={f"rule/{rule.id}": state.body, **(more_state or {})})
        for say in step.says:
            if subject := say.subject:
                self._deliveries.said(subject)
        if step.says:
            done.add_done_callback(partial(self._numbered, step.says))
        self._spawn(self._make_known(step, now, done))
        return done

    def _numbered(self, says: Sequence[Say], done: "asyncio.Future[list[int]]") -> None:
        """The centre may have been quicker with its word than we with hearing of our own commit."""
        numbers: Sequence[int | None] = [None] * len(says) if done.exception() else done.result()
        for say, seq in zip(says, numbers, strict=False):
            if (subject := say.subject) and not self._deliveries.stored(subject, seq):
                self._step_all(Unheard(subject))
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
        for show in self._show_signals, self._on_alarms, self._show_messages:
            try:
                show()
            except Exception:  # what one of them fails on keeps nothing from the others, and no alarm from the desk
                log.exception("what is true now could not be shown")
        alarms = [say for say in step.says if isinstance(say.body, AlarmBody)]
        await asyncio.gather(*(send_urgent(self._on_urgent, say, at, done) for say in alarms))

    def _show_signals(self) -> None:
        self._on_signals(self.signals())

    def _show_messages(self) -> None:
        self._on_messages(self.messages())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
