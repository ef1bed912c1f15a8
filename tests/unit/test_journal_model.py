"""The journal against a model of a few lines: whatever order things come in, the two agree."""

import asyncio
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from model.record import SERIES, STREAMS, Series, Stream
from support.journals import GW, drafts, drop_oldest, numbers
from support.memory import memory_directory
from support.source import new_id
from sync.journal.journal import Journal

SEGMENT_BYTES = 110 * 1024


class JournalMachine(RuleBasedStateMachine):
    """The model: per stream the numbers ever written, and how many of the first were dropped; and the state."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._directory = memory_directory()
        self._written: dict[Stream, list[int]] = {s: [] for s in STREAMS}
        self._state: dict[str, bytes] = {}
        self._boot = new_id()
        self._next = 0

    async def _open(self) -> None:
        self._journal = await Journal.open(Path(self._directory.name), GW, group_s=0, segment_max_bytes=SEGMENT_BYTES)

    @initialize()
    def start(self) -> None:
        self._runner.run(self._open())

    @rule(stream=st.sampled_from(STREAMS), count=st.integers(1, 5), padding=st.sampled_from([0, 3000, 20_000]))
    def append(self, stream: Stream, count: int, padding: int) -> None:
        new = range(self._next, self._next + count)
        self._next += count
        seqs = self._runner.run(self._journal.append(drafts(stream, new, boot=self._boot, padding=padding)))
        before = len(self._written[stream])
        assert seqs == list(range(before + 1, before + count + 1))
        self._written[stream] += new

    @rule(streams=st.lists(st.sampled_from(STREAMS), min_size=1, max_size=6), urgent=st.booleans())
    def submit_many(self, streams: list[Stream], urgent: bool) -> None:
        """Several at once, each its own submission: within a stream in the order of submission."""

        async def submit() -> None:
            futures = []
            for stream in streams:
                futures.append(self._journal.submit(drafts(stream, [self._next], boot=self._boot), urgent=urgent))
                self._written[stream].append(self._next)
                self._next += 1
            await asyncio.gather(*futures)

        self._runner.run(submit())

    @rule(key=st.sampled_from("abc"), value=st.none() | st.binary(max_size=3), noted=st.booleans())
    def change_state(self, key: str, value: bytes | None, noted: bool) -> None:
        async def change() -> None:
            if noted:
                self._journal.note(key, value)
            else:
                await self._journal.append([], state={key: value})

        self._runner.run(change())
        if value is None:
            self._state.pop(key, None)
        else:
            self._state[key] = value

    @rule()
    def reopen(self) -> None:
        async def again() -> None:
            await self._journal.close()
            await self._open()

        self._runner.run(again())

    @rule()
    def reboot(self) -> None:
        self._boot = new_id()

    @rule(series=st.sampled_from(["core", "reading", "diag"]), share=st.floats(0, 1))
    def drop(self, series: Series, share: float) -> None:
        """Each drop is declared on audit, for each stream that had records in the segment."""
        of = [s for s in STREAMS if SERIES[s] == series]
        acknowledged = {s: int(share * self._journal.last(s)) for s in of}
        low = {s: self._journal.low(s) for s in of}
        lost = {s: sum(b - a + 1 for a, b, _ in self._journal.current.lost(s)) for s in of}
        audits = self._journal.last(Stream.AUDIT)
        self._runner.run(drop_oldest(self._journal, series, acknowledged))
        gone = [s for s in of if self._journal.low(s) > low[s]]
        assert self._journal.last(Stream.AUDIT) == audits + len(gone)
        self._written[Stream.AUDIT] += [-1] * len(gone)
        for s in of:
            now = sum(b - a + 1 for a, b, _ in self._journal.current.lost(s))
            assert now - lost[s] == len(range(max(low[s], acknowledged[s] + 1), self._journal.low(s)))

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "_journal"):
            return
        for stream in STREAMS:
            written = self._written[stream]
            assert self._journal.last(stream) == len(written)
            held = self._runner.run(numbers(self._journal, stream))
            assert held == written[self._journal.low(stream) - 1 :]
        assert {k: v for k, v in self._journal.states("").items() if len(k) == 1} == self._state

    def teardown(self) -> None:
        if hasattr(self, "_journal"):
            self._runner.run(self._journal.close())
        self._runner.close()
        self._directory.cleanup()


JournalMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestJournalModel = JournalMachine.TestCase
