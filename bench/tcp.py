"""Modbus TCP: our master against libmodbus on the same server, each pinned to a core of its own."""

from bench.libmodbus import free_port, program
from bench.options import Options
from bench.process import Process, python
from bench.report import Line, Report, Target, ratios

QUANTITY = 10


def _pinned(core: int, *argv: object) -> list[str]:
    return ["taskset", "--cpu-list", str(core), *map(str, argv)]


def run(options: Options) -> Report:
    log = options.directory / "tcp.log"
    count = options.pick(20_000, 200)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}
    port = free_port()
    with Process(_pinned(0, program(), "slave", "tcp", port, 1), log) as server:
        server.line()
        masters = {
            "theirs": _pinned(1, program(), "master", "tcp", port, 1, count),
            "ours": _pinned(
                1, *python("-m", "bench.master", f"tcp://127.0.0.1:{port}", "0", str(count), "3", "0", str(QUANTITY))
            ),
        }
        for _ in range(options.pick(7, 1)):
            for who, argv in masters.items():
                with Process(argv, log) as master:
                    took, processor = map(float, master.line().split())
                seconds[who].append(took)
                cpu[who].append(processor)
    rate = {who: [count / took for took in samples] for who, samples in seconds.items()}
    per = {who: [1e6 * used / count for used in samples] for who, samples in cpu.items()}
    return Report(
        name="tcp",
        title="Modbus TCP requests",
        method=(
            f"{count} reads of {QUANTITY} holding registers, one after the other, from a server made with libmodbus on "
            "core 0; the masters take turns on core 1.\nOurs is the whole bus: queue, allow-list, learnt timeouts, strict "
            "check of each reply, on plain asyncio. Theirs is a loop in C."
        ),
        targets=[
            Target(ratios("requests/s, ours / libmodbus", rate["ours"], rate["theirs"]), "at least", 0.2),
            Target(ratios("CPU per request, libmodbus / ours", per["theirs"], per["ours"]), "at least", 0.2),
        ],
        lines=[
            Line("libmodbus", "requests/s", rate["theirs"]),
            Line("our master", "requests/s", rate["ours"]),
            Line("CPU of libmodbus", "us/request", per["theirs"]),
            Line("CPU of our master", "us/request", per["ours"]),
        ],
    )
