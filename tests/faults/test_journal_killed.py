"""kill -9 at any moment: everything that was acknowledged is there, gapless and in its chain."""

import asyncio
import os
import random
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from model.record import STREAMS, Stream
from support import journals
from support.journals import GW, number, verified
from sync.journal.journal import Journal

TESTS = str(Path(journals.__file__).parents[1])
ROUNDS = 6


async def test_killed_while_it_appends(tmp_path: Path) -> None:
    """Round after round on the same store, between commits, rotations and drops."""
    promised: dict[Stream, dict[int, int]] = {s: {} for s in STREAMS}
    for round_ in range(ROUNDS):
        state = None
        for line in await _said_until_killed(tmp_path, 1_000_000 * round_, lines=random.randint(20, 200)):
            match line.split():
                case ["state", "last", n]:
                    state = int(n)
                case [stream, seq, n]:
                    promised[Stream(stream)][int(seq)] = int(n)
        journal = await Journal.open(tmp_path, GW)
        for stream in STREAMS:
            found = {r.seq: number(r.body) for r in await verified(journal, stream)}
            held = {seq: n for seq, n in promised[stream].items() if seq >= journal.low(stream)}
            assert held.items() <= found.items()
            assert journal.last(stream) >= max(promised[stream], default=0)
            lost = journal.current.lost(stream)
            assert lost == ([(1, journal.low(stream) - 1, "pressure")] if journal.low(stream) > 1 else [])
        newest = journal.state("last")
        assert state is None or (newest is not None and int(newest) >= state)
        if newest is not None:
            alarm = (await verified(journal, Stream.ALARM))[-1]
            assert number(alarm.body) == int(newest), "the state is that of the last record"
        await journal.close()
    assert min(len(promised[s]) for s in (Stream.ALARM, Stream.READING, Stream.DIAG)) > 0


async def _said_until_killed(directory: Path, first: int, *, lines: int) -> list[str]:
    """What the child says up to its death; it is killed as soon as it has said so many lines."""
    command = [sys.executable, "-m", "support.journal_child", str(directory), str(first)]
    child = await asyncio.create_subprocess_exec(*command, stdout=PIPE, env=os.environ | {"PYTHONPATH": TESTS})
    assert child.stdout
    said = [await child.stdout.readline() for _ in range(lines)]
    child.kill()
    rest = await child.stdout.read()
    await child.wait()
    # the last line may be cut: then it was not said
    whole = b"".join([*said, rest]).rpartition(b"\n")[0].decode().splitlines()
    assert whole[0] == "open"
    return whole[1:]
