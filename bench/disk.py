"""What a reading costs the card: bytes that the kernel wrote for the journal alone, and for the whole daemon."""

import asyncio
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.modbus import ModbusServer, devices
from bench.options import Options
from bench.polls import POINTS, polls
from bench.process import Process, python, until
from bench.report import Line, Report, Target
from bench.site import Committed, Site
from model.errors import StoreError
from sync.journal.journal import Journal

DEVICES = 20
POLLS_PER_S = 4
RATE = DEVICES * POLLS_PER_S
GATEWAYS = 5
"""Side by side, each a sample: they cost the processor little, and what is counted is of one process each."""


def _refused(error: StoreError) -> None:
    raise error


async def keep_journal(directory: Path, seconds: float) -> None:
    """The child: a journal that takes the polls of all devices in time, each posted for itself, as the pipeline does."""
    journal = await Journal.open(directory, "gw-bench")
    start = time.monotonic()
    for n, draft in enumerate(polls(round(seconds * RATE), DEVICES)):
        await asyncio.sleep(start + n / RATE - time.monotonic())
        journal.post(draft, _refused)
    await journal.flush()
    print("done", flush=True)
    await asyncio.Event().wait()


def _journals(options: Options, seconds: float) -> list[float]:
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                Process(
                    python("-m", "bench.disk", options.directory / f"journal-{n}", str(seconds)),
                    options.directory / f"journal-{n}.log",
                )
            )
            for n in range(GATEWAYS)
        ]
        for child in children:
            child.line()
        return [child.written() / (round(seconds * RATE) * POINTS) for child in children]


def _daemons(options: Options, seconds: float) -> list[float]:
    names = [f"gw-{n}" for n in range(GATEWAYS)]
    site = Site(options.directory / "site", names)
    with ExitStack() as stack:
        stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        committed = Committed(site)
        stack.callback(committed.close)
        servers = [stack.enter_context(ModbusServer(DEVICES, site.directory / f"modbus-{name}.log")) for name in names]
        settings = [devices(server.port, DEVICES, "bench-20", 1 / POLLS_PER_S) for server in servers]
        gateways = [stack.enter_context(site.gateway(text, name)) for text, name in zip(settings, names, strict=True)]
        until(lambda: all(committed.upto("reading", name) for name in names), "the first readings")
        before = [
            (gateway.written(), committed.upto("reading", name)) for gateway, name in zip(gateways, names, strict=True)
        ]
        time.sleep(seconds)
        return [
            (gateway.written() - written) / ((committed.upto("reading", name) - upto) * POINTS)
            for gateway, name, (written, upto) in zip(gateways, names, before, strict=True)
        ]


def run(options: Options) -> Report:
    seconds = options.pick(60.0, 2.0)
    journal = Line("the journal alone", "bytes/reading", _journals(options, seconds))
    return Report(
        name="disk",
        title="Bytes written to disk per reading",
        method=(
            f"{DEVICES} devices x {POINTS} points at {POLLS_PER_S} polls/s each for {seconds:.0f} s, chain on, FULL; "
            f"`write_bytes` of /proc/PID/io, {GATEWAYS} processes side by side.\n"
            "The whole daemon polls by Modbus TCP and hands over to a centre, whose acknowledgements it keeps too."
        ),
        targets=[Target(journal, "at most", 45)],
        lines=[Line("the whole daemon, delivering", "bytes/reading", _daemons(options, seconds))],
    )


if __name__ == "__main__":
    asyncio.run(keep_journal(Path(sys.argv[1]), float(sys.argv[2])))
