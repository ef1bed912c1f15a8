"""A bus with one dead slave of thirty against the same bus without it."""

import json
from typing import Any

from bench.bus30 import COUNTED
from bench.options import Options
from bench.process import Process, python
from bench.report import Line, Report, Target, ratios

BAUDRATE = 19200
DEAD = 30
SCHEDULED_S, FLAT_OUT_S = 1.0, 0.05


def _polled(options: Options, every_s: float, *, dead: bool) -> dict[str, Any]:
    log, port = options.directory / "buses.log", options.directory / "line"
    there = [option for n in COUNTED for option in ("--slave", f"{n}=xy-md02")]
    asked = [*COUNTED, *([DEAD] if dead else [])]
    with Process(python("-m", "firmware_sim", "modbus", "--port", port, "--baud", str(BAUDRATE), *there), log) as sim:
        sim.line()
        seconds = options.pick(15, 2)
        master = python("-m", "bench.bus30", port, str(BAUDRATE), str(seconds), str(every_s), *map(str, asked))
        with Process(master, log) as gateway:
            found: dict[str, Any] = json.loads(gateway.line())
            return found


def run(options: Options) -> Report:
    targets, lines = [], []
    for every_s, what in ((SCHEDULED_S, "polls every second"), (FLAT_OUT_S, "polls flat out")):
        without, with_dead = [], []
        for _ in range(options.pick(3, 1)):
            without.append(_polled(options, every_s, dead=False))
            with_dead.append(_polled(options, every_s, dead=True))
        polls = [[float(one["polls"]) for one in found] for found in (with_dead, without)]
        ratio = ratios(f"{what}, with a dead slave / without", *polls)
        if every_s == SCHEDULED_S:
            targets.append(Target(ratio, "at least", 0.99))
        else:
            lines.append(ratio)
        for name, found in (("without a dead slave", without), ("with one", with_dead)):
            lines += [
                Line(f"{what}, {name}", "polls", [one["polls"] for one in found]),
                Line(f"{what}, {name}: from poll to poll of a device, p50", "ms", [one["gap_p50"] for one in found]),
                Line(f"{what}, {name}: from poll to poll of a device, p99", "ms", [one["gap_p99"] for one in found]),
            ]
    return Report(
        name="buses",
        title="One dead slave of thirty",
        method=(
            f"29 simulated XY-MD02 on one pseudo terminal at {BAUDRATE} baud, each polled as the gateway polls it, for "
            f"{options.pick(15, 2)} s; then the same with a thirtieth in the settings that does not answer. Polls of the 29 are "
            "counted.\nEvery second the line is busy for about half of its time; flat out (each device every 50 ms, which the "
            "line cannot do) whatever the dead slave takes is missing to the others."
        ),
        targets=targets,
        lines=lines,
    )
