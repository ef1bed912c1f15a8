"""A backlog on its way to the centre: from the journal of a gateway that was offline to committed and acknowledged."""

import asyncio
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from bench import bare
from bench.options import Options
from bench.polls import POINTS, polls
from bench.process import Watched, until
from bench.profiler import Profiler
from bench.report import Line, Report, Target, ratios
from bench.site import GW, Committed, Site
from bench.stored import CHUNK, capture
from model.record import Draft

READING = "reading"


def backlog(data: Path, drafts: list[Draft], gw: str = GW) -> None:
    """A data directory with these records, of which the centre knows nothing."""
    asyncio.run(capture(data, gw, (drafts[first : first + CHUNK] for first in range(0, len(drafts), CHUNK))))


class Drained:
    """One drain: records per second, and what each program took of the processor for 1,000 records."""

    def __init__(self, options: Options, template: Path, count: int, number: int, *, profiled: bool = False) -> None:
        directory = options.directory / f"drain-{number}"
        site = Site(directory)
        shutil.copytree(template, site.data())
        with ExitStack() as stack:
            broker = stack.enter_context(site.brokered())
            centre = stack.enter_context(site.centre())
            committed = Committed(site)
            stack.callback(committed.close)
            gateway = stack.enter_context(site.gateway())
            until(lambda: committed.upto(READING), "the first batch")
            processes = {"gateway": gateway, "centre": centre, "broker": Watched(broker.pid)}
            profilers = {
                name: stack.enter_context(Profiler(options.spy, processes[name].pid, directory / f"{name}.raw"))
                for name in ("gateway", "centre")
                if profiled
            }
            first_at, first = time.monotonic(), committed.upto(READING)
            before = {name: process.cpu_s() for name, process in processes.items()}
            committed_at = until(lambda: committed.upto(READING) >= count, "all committed", 300)
            end_at = until(lambda: site.acknowledged(READING) >= count, "all acknowledged")
            done = count - first
            self.rate = done / (end_at - first_at)
            self.cpu_ms = {n: 1e6 * (p.cpu_s() - before[n]) / done for n, p in processes.items()}
            self.committed_rate = done / (committed_at - first_at)
        self.profiles = {name: profiler.text for name, profiler in profilers.items()}
        shutil.rmtree(directory)


def run(options: Options) -> Report:
    count = options.pick(250_000, 2_000)
    drafts = list(polls(count))
    made = bare.rows(drafts)
    template = options.directory / "template"
    backlog(template, drafts)
    ceiling, drained = [], []
    for number in range(options.pick(5, 1)):
        ceiling.append(bare.rate(options.directory / "bare.db", made, 100))
        drained.append(Drained(options, template, count, number))
    ratio = ratios("drain / bare FULL, 100 per commit", [d.rate for d in drained], ceiling)
    report = Report(
        name="drain",
        title=f"Backlog drain of {count:,} poll records ({POINTS * count:,} readings)",
        method=(
            "Gateway, mosquitto and centre are the real programs, each a process of its own. The clock starts when the centre "
            "has committed the first batch and ends when the gateway counts all as acknowledged.\n"
            "The ceiling is the standard library's `executemany`, 100 rows of the same size per FULL commit."
        ),
        targets=[Target(ratio, "at least", 0.4)],
        lines=[
            Line("bare executemany, FULL, 100 per commit", "rows/s", ceiling),
            Line("drained, committed and acknowledged", "records/s", [d.rate for d in drained]),
            *(
                Line(f"CPU of the {name} per 1,000 records", "ms", [d.cpu_ms[name] for d in drained])
                for name in drained[0].cpu_ms
            ),
        ],
    )
    if not report.met:
        report.profiles = Drained(options, template, count, -1, profiled=True).profiles
    return report
