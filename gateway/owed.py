"""What the journal still has to take: records that it refused are offered again, and what was never taken is counted."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import msgspec

from model.bodies import BODIES, AlarmBody, StoreGap
from model.errors import StoreError
from model.record import Draft, Stream, draft
from model.time import Clock
from sync.journal.journal import Journal

OWED_MAX = 5_000
"""Submissions that may wait; those that find room beyond it are alarms, and one state for each rule."""
STATE = "rule.state/1"
RETRY_S = 1.0
RETRY_MAX_S = 10.0
GAP_S = 60.0
"""While the same goes on being missed it is told at this pace: a full store is not to be filled by saying so."""

log = logging.getLogger("doorpost.owed")

Why = Literal["queue_full", "store_full", "store_failed", "defect", "frame_lost"]


def why_not(error: BaseException) -> Why:
    """Why the journal did not take an observation."""
    return "store_full" if isinstance(error, StoreError) and error.code == "store_full" else "store_failed"


class _Debt(NamedTuple):
    drafts: Sequence[Draft]
    owner: str
    state: Mapping[str, bytes | None]
    done: "asyncio.Future[list[int]]"


class Owed:
    """Records of the core streams go through here: in order, kept in memory while the disk does not take them. The centre
    takes an alarm's records in the order of their numbers for what happened.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._debts: deque[_Debt] = deque()
        self._offered: dict[asyncio.Future[list[int]], _Debt] = {}  # in order; the journal's answer is to come
        self._paying: asyncio.Future[None] | None = None
        self._gaps: dict[tuple[str, Why], tuple[int, int, int]] = {}
        self._told: dict[tuple[str, Why], int] = {}  # when the newest gap of this kind was told, CLOCK_BOOTTIME

    def submit(
        self, drafts: Sequence[Draft], owner: str, *, state: Mapping[str, bytes | None] | None = None
    ) -> "asyncio.Future[list[int]]":
        """The numbers once durable, however long that takes. StoreError where there is no room to wait: the records are
        counted then, and only a rule's newest state is still owed. Alarms, and the gateway's own state, always find room.

        Another error where they can never be written.
        """
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        debt = _Debt(drafts, owner, state or {}, done)
        self._hear()
        if self._debts:
            return self._owe(debt)
        offered = self._journal.submit(drafts, state=debt.state)
        if offered.done() and offered.exception():  # refused at once; what was offered before may be on its way yet
            return self._owe(debt)
        self._offered[offered] = debt
        offered.add_done_callback(lambda _: self._hear())
        return done

    def missed(self, device: str, why: Why, t: int) -> None:
        """An observation made at `t` (us, UTC) was never taken."""
        n, first, _ = self._gaps.get((device, why), (0, t, t))
        self._gaps[device, why] = (n + 1, first, t)

    def _hear(self) -> None:
        """What has become of what was offered: in that order, whichever of the futures is looked at first."""
        failed: list[_Debt] = []
        while self._offered and (offered := next(iter(self._offered))).done():
            debt, error = self._offered.pop(offered), offered.exception()
            if isinstance(error, StoreError):
                failed.append(debt)
            elif error:  # it can never be written: offering it again would stop all behind it
                debt.done.set_exception(error)
            else:
                debt.done.set_result(offered.result())
        if self._debts:
            self._debts.extendleft(reversed(failed))  # what waits came later
            return
        for debt in failed:
            if (done := self._owe(debt)) is not debt.done:
                done.add_done_callback(partial(_follow, debt.done))

    def _owe(self, debt: _Debt) -> "asyncio.Future[list[int]]":
        """What whoever submitted it waits for."""
        if len(self._debts) >= OWED_MAX and not _finds_room(debt):
            return self._turn_away(debt)
        if not self._debts:
            log.warning("the journal takes nothing: %s", self._journal.failed)
        if _only_state(debt):
            debt = self._instead(debt)
        self._debts.append(debt)
        return debt.done

    def _turn_away(self, debt: _Debt) -> "asyncio.Future[list[int]]":
        """But for a rule's state, which takes the place of the one that waits."""
        debt.done.set_exception(self._journal.failed or StoreError("store_failed", path="", why="no room to wait"))
        debt.done.exception()
        for one in debt.drafts:
            if one.kind == STATE:
                state: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
                _ = self._owe(debt._replace(drafts=[one], done=state))
            else:
                self.missed(debt.owner, "store_failed", one.at.t)
        return debt.done

    def _instead(self, debt: _Debt) -> _Debt:
        """Of a rule's states that wait only the newest matters. The oldest debt may be on its way to the disk."""
        for place, old in enumerate(reversed(self._debts), 1):
            if not old.drafts:  # it tells of what stands before it, which must not come behind it
                break
            if place < len(self._debts) and old.owner == debt.owner and _only_state(old):
                del self._debts[-place]
                return debt._replace(done=old.done)
        return debt

    async def run(self) -> None:
        """Pay until cancelled."""
        pause = RETRY_S
        while True:
            await asyncio.sleep(pause)
            self._paying = asyncio.ensure_future(self._pay())
            try:
                await asyncio.shield(self._paying)  # what is being written must not be written again by `settle`
                pause = RETRY_S
            except StoreError:
                pause = min(2 * pause, RETRY_MAX_S)

    async def settle(self) -> None:
        """The last try, after `run`; what the journal still refuses is lost with this process, and said."""
        try:
            if self._paying:
                await asyncio.wait({self._paying})  # however it ends: the disk may be well again by now
            await self._journal.flush()  # else it may be refused for the readings that wait before it
            await self._pay()
            await self._tell_gaps(0.0)
        except StoreError as err:
            log.error("%d submissions to the journal are lost: %s", len(self._debts), err)

    async def _pay(self) -> None:
        """Oldest first. Raises StoreError when the journal still refuses."""
        while self._offered:
            await asyncio.wait([*self._offered])
            self._hear()
        while self._debts:
            debt = self._debts[0]
            try:
                numbers = await self._journal.append([_late(d) for d in debt.drafts], state=debt.state)
            except StoreError:
                raise
            except Exception as err:  # it can never be written, and must not stop all behind it
                log.exception("a record of %s can never be written", debt.owner)
                self._debts.popleft()
                debt.done.set_exception(err)
            else:
                self._debts.popleft()
                debt.done.set_result(numbers)
            if not self._debts:
                log.warning("the journal takes records again")
        await self._tell_gaps(GAP_S)

    async def _tell_gaps(self, pause_s: float) -> None:
        """Those of which nothing was told for so long. Raises StoreError."""
        at = self._clock.now()
        due = [key for key in self._gaps if at.mono - self._told.get(key, -GAP_S * 1e6) >= pause_s * 1e6]
        gaps = {key: self._gaps[key] for key in due}
        if not gaps:
            return
        bodies = [StoreGap(device=d, n=n, why=w, first=a, last=b) for (d, w), (n, a, b) in gaps.items()]
        await self._journal.append([draft("store.gap/1", body, at) for body in bodies])
        for key, (n, _, _) in gaps.items():
            self._told[key] = at.mono
            now_n, first, last = self._gaps.pop(key)
            if now_n > n:
                self._gaps[key] = (now_n - n, first, last)


def _follow(one: "asyncio.Future[list[int]]", other: "asyncio.Future[list[int]]") -> None:
    """It ends as the other one, which stands for it, has ended."""
    if (error := other.exception()) is not None:
        one.set_exception(error)
        one.exception()
    else:
        one.set_result(other.result())


def _only_state(debt: _Debt) -> bool:
    return bool(debt.drafts) and all(d.kind == STATE for d in debt.drafts)


def _finds_room(debt: _Debt) -> bool:
    """Alarms; a state of which only the newest waits; and what the gateway itself keeps, which is never much."""
    if any(d.stream is Stream.ALARM for d in debt.drafts) or _only_state(debt):
        return True
    return bool(debt.state) and all(d.kind != STATE for d in debt.drafts)


def _late(d: Draft) -> Draft:
    """An alarm that was shown before it was durable says so."""
    if BODIES[d.kind] is not AlarmBody:
        return d
    body = msgspec.json.decode(d.body, type=AlarmBody)
    return draft(d.kind, msgspec.structs.replace(body, unjournalled=True), d.at)
