"""Transactions per second on a serial line, as a share of what the line with that slave allows."""

import json
from pathlib import Path

from bench.options import Options
from bench.process import Process, python
from bench.report import Line, Report, Target, ratios

BAUDRATES = (9600, 115200)
SECONDS = 4.0


def _asked(options: Options, baudrate: int, count: int) -> tuple[float, float]:
    """Transactions per second of the bare loop and of our master, one after the other on the same slave."""
    log = options.directory / "rtu.log"
    port = options.directory / "line"
    slave = python("-m", "firmware_sim", "xy-md02", "--port", port, "--baud", str(baudrate))
    with Process(slave, log) as sim:
        assert json.loads(sim.line())["endpoint"] == str(port)
        bare = count / _seconds(log, "bench.wire", port, baudrate, count)
        ours = count / _seconds(log, "bench.master", port, baudrate, count, 4, 1, 2)
    return bare, ours


def _seconds(log: Path, module: str, *args: object) -> float:
    with Process(python("-m", module, *map(str, args)), log) as master:
        return float(master.line().split()[0])


def run(options: Options) -> Report:
    targets, lines = [], []
    for baudrate in BAUDRATES:
        char_s = 11 / baudrate
        count = round(options.pick(SECONDS, 0.3) / (17 * char_s + max(3.5 * char_s, 0.00175)))
        bare, ours = [], []
        for _ in range(options.pick(5, 1)):
            one, other = _asked(options, baudrate, count)
            bare.append(one)
            ours.append(other)
        targets.append(Target(ratios(f"transactions at {baudrate} baud / the wire", ours, bare), "at least", 0.9))
        lines += [
            Line(f"bare loop at {baudrate} baud", "transactions/s", bare),
            Line(f"our master at {baudrate} baud", "transactions/s", ours),
        ]
    return Report(
        name="rtu",
        title="Modbus RTU on a serial line",
        method=(
            "One simulated XY-MD02 on a pseudo terminal that takes 11 bits per byte for request and reply; 2 registers per "
            "transaction, one after the other.\n"
            "The wire is a bare loop on the same slave in the same minute: frames made before, replies not looked at, 3.5 "
            "characters of silence (1.75 ms above 19200 baud) waited for by a busy processor. What the slave itself takes "
            "to answer is in both."
        ),
        targets=targets,
        lines=lines,
    )
