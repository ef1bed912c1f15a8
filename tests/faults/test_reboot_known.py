"""A reboot is known for good only when every rule has heard of it: one whose timers run by the boot before waits for ever."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from gateway.app import Daemon
from gateway.client import DaemonAbsent, ask
from gateway.rules.lift import LiftRule
from gateway.settings.load import load
from model.bodies import RuleState
from support.lift_site import LiftBench
from support.small_gateway import settings
from sync.journal.journal import Journal
from sync.journal.writer import Entry, Item, Writer

BOARD = {"id": "board", "driver": "modbus", "bus": "rs485", "slave": 2, "profile": "waveshare-io-8ch"}
RULE = {
    "id": "lift-1",
    "rule": "lift",
    "profile": "lift-default",
    "lift": "l1",
    "alarm": "board.di2",
    "end": "board.di4",
}


async def test_each_rule_hears_of_it_before_it_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each submission a commit of its own, as on a slow machine: wherever a kill falls, the next run tells the rules again."""
    data = tmp_path / "data"
    await leave_an_open_call(data / "stores")
    commits: list[list[str]] = []
    commit = Writer._commit

    def one_by_one(writer: Writer, series: str, entries: Sequence[Entry], behind: Sequence[Entry] = ()) -> bool:
        commits.extend([*entry.state] if isinstance(entry, Item) else [] for entry in entries)
        return all(commit(writer, series, [entry], behind) for entry in entries)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "_commit", one_by_one)
    port = ("bus", {"id": "rs485", "driver": "modbus_rtu", "port": str(tmp_path / "none")})
    file = settings(tmp_path, port, ("device", BOARD), ("lift", {"id": "l1"}), ("rule", RULE))
    running = asyncio.create_task(Daemon(load(file), data).run())
    await until_it_answers(data)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    kept = [keys for keys in commits if {"boot", "rule/lift-1"} & set(keys)]
    assert kept[0] == ["rule/lift-1"]


async def until_it_answers(data: Path) -> None:
    """It has started."""
    while True:
        with suppress(DaemonAbsent, OSError):
            await asyncio.to_thread(lambda: list(ask(data, "snapshot")))
            return
        await asyncio.sleep(0.01)


async def leave_an_open_call(stores: Path) -> None:
    """As a power cut does, in a boot that had lasted for a month."""
    lift = LiftBench()
    lift.mono = 30 * 86400 * 1_000_000
    lift.press()
    state = RuleState(rule="lift-1", v=LiftRule.version, lift="l1", state=lift.rule.kept(lift.state))
    journal = await Journal.open(stores, "gw-1")
    await journal.append([], state={"rule/lift-1": msgspec.json.encode(state), "boot": b"before", "run": b"running"})
    await journal.close()
