"""What persons with a PIN do at the gateway, and a lift's file: on a real journal and pipeline."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.lift_deeds import Arrive, Deed, End, Release, State, Test
from gateway.lifts import PROFILE, Lifts
from gateway.pins import Tried
from gateway.rules.base import Rule, RuleConfig
from gateway.rules.lift import LiftConfig, LiftRule
from gateway.rules.lift_visit import LiftVisitConfig, LiftVisitRule
from gateway.rules.site import Lift, Person
from gateway.rules.site import Site as SiteFacts
from model.errors import ContractError
from model.pin import FREE_TRIES, hashed, matches, usable, wait_s
from model.record import Stream
from model.time import Stamp, TimeQuality
from support.context import SystemClock
from support.site import Site, running
from support.site import rules as site_rules

LIFT = Lift(id="lift", rescue="654321", registration="R-1", inspection_due=date(2031, 3, 31))


@cache
def pin_of(name: str) -> str:
    return hashed(f"{name}-4711")


def persons() -> tuple[Person, ...]:
    return (
        Person(name="Chen", pin=pin_of("Chen"), role=["technician"]),
        Person(name="Lin", pin=pin_of("Lin"), role=["safety_manager"]),
        Person(name="Sun", pin=pin_of("Sun"), role=["safety_manager"]),
        Person(name="Guest", pin=pin_of("Guest")),
        Person(name="Bare", role=["technician"]),
    )


class KnownClock(SystemClock):
    tq = TimeQuality("ntp")


class Desk:
    def __init__(self, site: Site, lifts: Lifts) -> None:
        self.site = site
        self.lifts = lifts

    async def do(self, by: str, deed: Deed, pin: str | None = None) -> dict[str, Any]:
        return await self.lifts.do("lift", by, pin or f"{by}-4711", deed)

    async def refused(self, by: str, deed: Deed, pin: str | None = None) -> str:
        with pytest.raises(ContractError) as caught:
            await self.do(by, deed, pin)
        return caught.value.code

    async def files(self) -> list[dict[str, Any]]:
        return [body for _, body in await self.site.records(Stream.AUDIT, "lift.file/1")]


@asynccontextmanager
async def desk(
    stores: Path, *lifts: Lift, clock: SystemClock | None = None, visits: bool = False
) -> AsyncIterator[Desk]:
    """With `visits` the first lift has a rule for them, as the settings would."""
    facts = SiteFacts(persons(), {lift.id: lift for lift in lifts or (LIFT,)})
    (first, *_) = facts.lifts
    places = {"machine_room": "badge1", "pit": "badge2"}
    visit = LiftVisitConfig(id="visits", rule="lift_visit", lift=first, profile=PROFILE, places=places)
    more: dict[Rule, RuleConfig] = {LiftVisitRule(visit, facts): visit} if visits else {}
    async with running(stores, clock=clock, rules_={**site_rules(), **dict.fromkeys(more, ())}) as site:
        (rule,) = (one for one in site.rules if isinstance(one, LiftRule))
        config = LiftConfig(id="lift", rule="lift", alarm=["io1.di1"], end="io1.di2", profile="lift-default")
        rules: dict[Rule, RuleConfig] = {rule: config, **more}
        found = Lifts(facts, rules, site.pipeline, site.journal, site.clock)
        found.start()
        await site.until(lambda: all(site.journal.state(f"lift/{id_}") for id_ in facts.lifts))
        yield Desk(site, found)


async def test_a_call_from_arrival_to_its_end(tmp_path: Path) -> None:
    """Each step is a record with who and how; each is taken once; the lamps follow."""
    async with desk(tmp_path) as here:
        assert await here.refused("Chen", Arrive()) == "lift_no_call"
        alarm = await here.site.press()
        await here.site.answer(alarm)
        assert await here.do("Chen", Arrive()) == {"alarm": alarm, "durable": True}
        assert await here.refused("Lin", Arrive()) == "lift_not_now"
        assert await here.refused("Chen", Release(1, 2)) == "injured_more_than_persons"
        await here.do("Chen", Release(2, 1))
        assert await here.refused("Chen", End("no_such_fault")) == "lift_fault_unknown"
        await here.do("Chen", End("door_open_fault", "door stuck"))
        await here.site.until(lambda: here.site.signals[-1] == frozenset())
        said = await here.site.records(Stream.ALARM, "alarm.arrived/1", "alarm.released/1", "alarm.ended/1")
    assert [(kind, body["by"], body["rescue"]["via"]) for kind, body in said] == [
        (kind, "Chen", "pin") for kind in ("alarm.arrived/1", "alarm.released/1", "alarm.ended/1")
    ]
    rescues = [body["rescue"] for _, body in said]
    assert (rescues[1]["persons"], rescues[1]["injured"]) == (2, 1)
    assert (rescues[2]["fault"], rescues[2]["reason"]) == ("door_open_fault", "door stuck")


async def test_nobody_arrives_after_the_release(tmp_path: Path) -> None:
    """Which may be said with a PIN before anybody has answered."""
    async with desk(tmp_path) as here:
        await here.site.press()
        await here.do("Chen", Release(1, 0))
        assert await here.refused("Chen", Arrive()) == "lift_not_now"


async def test_a_call_that_nobody_answered_ends_with_a_pin(tmp_path: Path) -> None:
    """A competent person on site is one; the records name no acknowledgement."""
    async with desk(tmp_path) as here:
        await here.site.press()
        await here.do("Lin", End())
        kinds = [kind for kind, _ in await here.site.records(Stream.ALARM)]
    assert (kinds[0], kinds[-1], "alarm.acked/1" in kinds) == ("alarm.raised/1", "alarm.ended/1", False)


async def test_who_may_not(tmp_path: Path) -> None:
    """Nobody unknown, without a PIN or without a role; no lift that is not there; no test without a rule for it."""
    async with desk(tmp_path) as here:
        await here.site.press()
        for name in ("Nobody", "Bare"):
            assert await here.refused(name, End()) == "pin_refused"
        assert await here.refused("Guest", End()) == "person_role"
        assert await here.refused("Chen", State("stopped", "x")) == "person_role"
        assert await here.refused("Chen", Test()) == "lift_no_test"
        with pytest.raises(ContractError, match="lift_unknown"):
            await here.lifts.do("lift9", "Chen", "Chen-4711", End())
        assert len(here.site.pipeline.alarms()) == 1


async def test_a_guess_that_nobody_waits_for(tmp_path: Path) -> None:
    """Counts too: a client that leaves before the answer has not guessed for nothing."""
    async with desk(tmp_path) as here:
        for n in range(1, FREE_TRIES + 1):
            guess = asyncio.create_task(here.do("Chen", End(), "0000"))
            while f'"wrong":{n}'.encode() not in (here.site.journal.state("pin/Chen") or b""):  # noqa: ASYNC110
                await asyncio.sleep(0)
            guess.cancel()
            with pytest.raises(asyncio.CancelledError):
                await guess
        assert await here.refused("Chen", End()) == "pin_locked"


async def test_guessing_is_slow_also_over_a_restart(tmp_path: Path) -> None:
    """Each wrong PIN is on record until guessing is locked; then not even the right one is heard until the time is over.

    Who has no PIN is never locked, and on no record.
    """
    async with desk(tmp_path / "a") as here:
        assert await here.refused("Bare", End()) == "pin_refused"
        guesses = [here.refused("Chen", End(), "0000") for _ in range(FREE_TRIES + 2)]
        told = await asyncio.gather(*guesses)
        assert sorted(told) == ["pin_locked"] * 2 + ["pin_refused"] * FREE_TRIES
        assert await here.refused("Chen", End()) == "pin_locked"
        assert await here.refused("Lin", End()) == "lift_no_call"
        results = [body for _, body in await here.site.records(Stream.AUDIT, "command.result/1")]
        assert [(body["name"], body["issuer"], body["why"]) for body in results] == [
            ("lift.end", "Chen", "pin_refused")
        ] * FREE_TRIES
        await here.site.journal.flush()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    async with desk(tmp_path / "b") as here:
        assert await here.refused("Chen", End()) == "pin_locked"
        here.site.later(wait_s(FREE_TRIES) + 1)
        assert await here.refused("Chen", End()) == "lift_no_call"
        assert await here.refused("Chen", End(), "0000") == "pin_refused"
        assert await here.refused("Chen", End()) == "lift_no_call"


def test_a_reboot_does_not_shorten_the_wait() -> None:
    """Whatever the wall clock says meanwhile: it is counted from the beginning of the new boot."""
    tried = Tried(FREE_TRIES, "boot1", 900 * 10**6)
    same = Stamp("boot1", 0, TimeQuality("unknown"), 910 * 10**6)
    later = Stamp("boot2", 10**15, TimeQuality("ntp", 1), 10 * 10**6)
    assert (tried.left_s(same), tried.left_s(later)) == (wait_s(FREE_TRIES) - 10,) * 2
    assert [wait_s(n) for n in (0, FREE_TRIES - 1)] == [0, 0]
    waits = [wait_s(FREE_TRIES + n) for n in range(12)]
    assert waits == sorted(waits)
    assert waits[-1] == waits[-2] == 3600


def test_a_hash_that_a_settings_file_may_hold() -> None:
    """What `doorpost person pin` makes is usable; what would take all memory, or is no base64, is not."""
    stored = pin_of("Chen")
    assert usable(stored)
    assert matches(stored, "Chen-4711")
    assert not matches(stored, "Chen-4712")
    for wrong in ("scrypt$16385$8$1$aaaa$aaaa", "scrypt$1048576$8$1$aaaa$aaaa", "scrypt$16384$8$1$a$aaaa"):
        assert not usable(wrong)


async def test_the_file_is_written_when_it_is_another(tmp_path: Path) -> None:
    """Once at the first start, not at the next, and again for another rescue number."""
    async with desk(tmp_path) as here:
        (first,) = await here.files()
    assert first == {
        "lift": "lift",
        "state": "active",
        "rescue": "654321",
        "registration": "R-1",
        "inspection_due": "2031-03-31",
    }
    async with desk(tmp_path) as here:
        assert len(await here.files()) == 1
    async with desk(tmp_path, LIFT.model_copy(update={"rescue": "654322"})) as here:
        await here.site.until(lambda: b"654322" in (here.site.journal.state("lift/lift") or b""))
        assert [body["rescue"] for body in await here.files()] == ["654321", "654322"]


async def test_a_file_that_cannot_be_read_is_told_anew(tmp_path: Path) -> None:
    """It does not keep the gateway from its work."""
    async with desk(tmp_path) as here:
        here.site.pipeline.note([], "lift", {"lift/lift": b"{"})
        await here.site.until(lambda: here.site.journal.state("lift/lift") == b"{")
    async with desk(tmp_path) as here:
        await here.site.until(lambda: here.site.journal.state("lift/lift") != b"{")
        assert len(await here.files()) == 2


async def test_scrapped_is_for_ever(tmp_path: Path) -> None:
    """With who and why; no command, no settings file and no other id brings it back. Its rules go on listening, and that is told."""
    async with desk(tmp_path) as here:
        await here.do("Lin", State("stopped", "repair"))
        await here.do("Lin", State("active", "repaired"))
        assert await here.refused("Lin", State("scrapped", " ")) == "lift_reason_missing"
        alarm = await here.site.press()
        assert await here.refused("Lin", State("scrapped", "old")) == "lift_call_open"
        await here.do("Chen", End())
        assert alarm
        await here.do("Lin", State("scrapped", "old"))
        assert await here.refused("Lin", State("active", "again")) == "lift_scrapped"
        assert [(one["state"], one.get("by"), one.get("reason")) for one in await here.files()] == [
            ("active", None, None),
            ("stopped", "Lin", "repair"),
            ("active", "Lin", "repaired"),
            ("scrapped", "Lin", "old"),
        ]
    renamed = (LIFT.model_copy(update={"rescue": "1"}), LIFT.model_copy(update={"id": "new"}))
    async with desk(tmp_path, *renamed) as here:
        assert [(one.id, one.state) for one in here.lifts.now()] == [("lift", "scrapped"), ("new", "scrapped")]
        assert ["scrapped_in_use" in one.problems for one in here.lifts.now()] == [True, False]
        assert await here.refused("Lin", State("active", "again")) == "lift_scrapped"
        await here.site.press()
        (lift, _) = here.lifts.now()
        assert (lift.level, len(lift.calls)) == ("red", 1)


@pytest.mark.parametrize("leaves", [False, True])
async def test_scrapped_while_another_says_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, leaves: bool
) -> None:
    """The disk has it and says so late, perhaps to nobody: what is said meanwhile waits, and is then refused."""
    async with desk(tmp_path) as here:
        journal = here.site.journal
        append, stored, go = journal.append, asyncio.Event(), asyncio.Event()

        async def slow(*args: Any, **more: Any) -> list[int]:
            numbers = await append(*args, **more)
            stored.set()
            await go.wait()
            return numbers

        monkeypatch.setattr(journal, "append", slow)
        scrapped = asyncio.create_task(here.do("Lin", State("scrapped", "old")))
        await stored.wait()
        if leaves:
            scrapped.cancel()
        active = asyncio.create_task(here.refused("Sun", State("active", "checked")))
        for asked in (True, False):  # once the PIN is right, it is at the file
            while (journal.state("pin/Sun") is not None) != asked:  # noqa: ASYNC110
                await asyncio.sleep(0)
        go.set()
        assert await active == "lift_scrapped"
        if not leaves:
            assert (await scrapped)["state"] == "scrapped"
        assert [one["state"] for one in await here.files()] == ["active", "scrapped"]
        assert [one.state for one in here.lifts.now()] == ["scrapped"]


async def test_an_inspection_past_its_day_is_red(tmp_path: Path) -> None:
    """Without a rule for visits too."""
    for due, told in ((date(2001, 1, 1), "red"), (date(2101, 1, 1), "green")):
        async with desk(tmp_path / told, LIFT.model_copy(update={"inspection_due": due}), clock=KnownClock()) as here:
            (lift,) = here.lifts.now()
            assert (lift.level, lift.inspection_level, lift.problems) == (told, told, [])


async def test_by_a_clock_that_is_not_known_nothing_is_overdue(tmp_path: Path) -> None:
    """The day is told all the same, and that the clock is not known."""
    async with desk(tmp_path, LIFT.model_copy(update={"inspection_due": date(2001, 1, 1)})) as here:
        (lift,) = here.lifts.now()
    assert (lift.level, lift.inspection_level, lift.inspection_days) == ("green", None, None)
    assert (lift.inspection_due, lift.problems) == ("2001-01-01", ["clock_unknown"])


async def test_what_is_scrapped_has_no_dues(tmp_path: Path) -> None:
    past = LIFT.model_copy(update={"inspection_due": date(2001, 1, 1)})
    async with desk(tmp_path, past, clock=KnownClock()) as here:
        await here.do("Lin", State("scrapped", "taken out"))
        (lift,) = here.lifts.now()
    assert (lift.state, lift.inspection_due, lift.inspection_level, lift.cycles) == ("scrapped", None, None, [])


async def test_what_is_scrapped_is_not_overdue(tmp_path: Path) -> None:
    """Its rule is told: the alarm is over, and not raised at the next start; a new lift by the same rule has its own days."""
    past = LIFT.model_copy(update={"inspection_due": date(2001, 1, 1)})
    async with desk(tmp_path, past, clock=KnownClock(), visits=True) as here:
        assert [a.what for a, _ in here.site.pipeline.alarms()] == ["inspection_overdue"]
        await here.do("Lin", State("scrapped", "taken out"))
        await here.site.until(lambda: here.site.journal.last(Stream.ALARM) == 2)
        assert not here.site.pipeline.alarms()
    async with desk(tmp_path, past, clock=KnownClock(), visits=True) as here:
        assert not here.site.pipeline.alarms()
        kinds = [kind for kind, _ in await here.site.records(Stream.ALARM)]
    assert kinds == ["alarm.raised/1", "alarm.cleared/1"]
    new = past.model_copy(update={"id": "new", "registration": "R-2"})
    async with desk(tmp_path, new, clock=KnownClock(), visits=True) as here:
        assert [a.what for a, _ in here.site.pipeline.alarms()] == ["inspection_overdue"]
