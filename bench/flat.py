"""Whether append and drain cost the same with much in store, at the gateway and at the centre; and a plot out of it."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice

from bench.append import posted_one_by_one
from bench.drain import READING
from bench.options import Options
from bench.polls import T0, polls, spread
from bench.process import until
from bench.report import Line, Report, Target, ratios
from bench.site import GW, Committed, Site
from bench.stored import CHUNK, capture
from gateway.client import ask
from model.record import Draft
from sync.journal.journal import Journal

SMALL = 100_000
LARGE = 10_000_000
DEVICES = 20
STEP_US = 1_000_000 // DEVICES
"""One poll of each device a second: 10 million are 5.8 days."""
TOLERANCE = 0.8
DAY_US = 86_400_000_000
PLOT_MAX_MS = 100


@dataclass
class Depth:
    """A site with so many records stored, `captured` of them in its views for certain, and what was measured on it."""

    site: Site
    captured: int
    stored: int = 0
    append: list[float] = field(default_factory=list)
    drain: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    plot_ms: list[float] = field(default_factory=list)


def fill(depth: Depth, drafts: list[Draft]) -> None:
    """Its records, at the gateway and delivered."""
    more = cycle(drafts)
    chunks = (spread(islice(more, CHUNK), first, STEP_US) for first in range(0, depth.captured, CHUNK))
    asyncio.run(capture(depth.site.data(), GW, chunks, depth.site.centre_data))
    depth.stored = depth.captured


def measure(depth: Depth, drafts: list[Draft]) -> None:
    """Append these to what is stored, drain them, and ask for the plot of a day."""

    async def append() -> float:
        journal = await Journal.open(depth.site.data() / "stores", GW)
        rate = await posted_one_by_one(journal, spread(drafts, depth.stored, STEP_US))
        await journal.close()
        return rate

    site, end = depth.site, depth.stored + len(drafts)
    depth.append.append(asyncio.run(append()))
    with ExitStack() as stack:
        stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        committed = Committed(site)
        stack.callback(committed.close)
        gateway = stack.enter_context(site.gateway())
        first_at = until(lambda: committed.upto(READING) > depth.stored, "the first batch")
        first = committed.upto(READING)
        end_at = until(lambda: committed.upto(READING) >= end, "all committed", 300)
        until(lambda: site.acknowledged(READING) >= depth.stored, "all acknowledged")
        depth.plot_ms.append(_plot(depth))
    depth.drain.append((end - first) / (end_at - first_at))
    depth.start_s.append(first_at - gateway.started_at)
    depth.stored = end


def _plot(depth: Depth) -> float:
    """Milliseconds until the daemon has answered with a day of one point, another each time."""
    number = len(depth.plot_ms)
    asked = {"device": f"dev{number:02}", "point": f"p{number:02}"}
    since = T0 + number * depth.captured * STEP_US // 10
    started = time.perf_counter()
    (plot,) = ask(depth.site.data(), "plot", **asked, since=since, until=since + DAY_US)
    took = 1000 * (time.perf_counter() - started)
    assert plot["minutes"]
    return took


def run(options: Options) -> Report:
    drafts = list(polls(options.pick(SMALL, 2_000), DEVICES))
    depths = [
        Depth(Site(options.directory / str(captured)), captured)
        for captured in options.pick((SMALL, LARGE), (CHUNK, 2 * CHUNK))
    ]
    small, large = depths
    names = {id(depth): f"{depth.captured:,}" for depth in depths}
    for depth in depths:
        fill(depth, drafts)
    for _ in range(options.pick(5, 1)):
        for depth in depths:
            measure(depth, drafts)
    append = ratios(f"append at {names[id(large)]} / {names[id(small)]} records", large.append, small.append)
    drain = ratios(f"drain at {names[id(large)]} / {names[id(small)]} records", large.drain, small.drain)
    plot = Line(f"a day's plot of one point, {names[id(large)]} records stored", "ms", large.plot_ms)
    lines = []
    for depth in depths:
        at = f"with {names[id(depth)]} stored"
        lines += [
            Line(f"append {at}", "records/s", depth.append),
            Line(f"drain {at}", "records/s", depth.drain),
            Line(f"start of the daemon to its first new batch at the centre, {at}", "s", depth.start_s),
        ]
    return Report(
        name="flat",
        title="Cost with much in store",
        method=(
            "The records are stored at the gateway and at the centre, then as many as make 100,000 more are appended and drained, "
            "turn by turn on both. The plot is asked of the running daemon, another point and another day each time."
        ),
        targets=[
            Target(append, "at least", TOLERANCE),
            Target(drain, "at least", TOLERANCE),
            Target(plot, "at most", PLOT_MAX_MS),
        ],
        lines=lines,
    )
