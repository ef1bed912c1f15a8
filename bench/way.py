"""The whole way: Modbus TCP poll at the gateway to committed at the centre, each at its highest load without loss."""

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack

from bench import peer
from bench.load import SETTLE_S, Carried, Load, until_quiet
from bench.modbus import ModbusServer, devices
from bench.options import Options
from bench.polls import POINTS
from bench.process import until
from bench.profiler import Profiler
from bench.report import Line, Report, Target, ratios
from bench.site import Committed, Site, numbers

OURS = [Load(n, 0.05) for n in (60, 120, 180, 240)]
PEERS = [Load(n, 0.2) for n in (30, 40, 50, 60)]
PAIRS = Load(10, 0.2, pairs=True)
GROWTH = 1.05
"""A load under which no more than this is polled over the one before was the highest."""

Carry = Callable[[Options, Load, float], Carried]


def carry(options: Options, load: Load, seconds: float, *, profiled: bool = False) -> Carried:
    """Our gateway under this load: gateway, mosquitto and centre as a user starts them."""
    directory = options.directory / "way"
    site = Site(directory)
    profile = "bench-pairs" if load.pairs else "bench-20"
    profilers: dict[str, Profiler] = {}
    with ExitStack() as stack:
        stack.enter_context(site.brokered())
        centre = stack.enter_context(site.centre())
        committed = Committed(site)
        stack.callback(committed.close)
        server = stack.enter_context(ModbusServer(load.devices, directory / "modbus.log"))
        gateway = stack.enter_context(site.gateway(devices(server.port, load.devices, profile, load.every_s)))

        def counted() -> tuple[float, ...]:
            return time.monotonic(), server.answered(), gateway.cpu_s(), gateway.written(), committed.upto("reading")

        until(server.answered, "the first poll")
        time.sleep(SETTLE_S)
        early = server.answered()
        with ExitStack() as looking:
            if profiled:
                for name, process in {"gateway": gateway, "centre": centre}.items():
                    raw = directory / f"{name}.raw"
                    profilers[name] = looking.enter_context(Profiler(options.spy, process.pid, raw))
            before = counted()
            time.sleep(seconds)
            after = counted()
        took, answered, cpu_s, written, upto = (b - a for a, b in zip(before, after, strict=True))
        rss = gateway.rss()
        final = server.silence()
        gateway.stop()
        until_quiet(lambda: committed.upto("reading"))
        got = set(numbers(committed.bodies("reading.poll/1"), every=load.pairs))
        lost = [number for number in range(1, final + 1) if number not in got]
    shutil.rmtree(directory)
    per_answer = 1 if load.pairs else POINTS
    polled = answered * per_answer
    behind = after[1] * per_answer - after[4] * POINTS
    return Carried(
        load=load,
        polled_per_s=polled / took,
        readings_per_s=upto * POINTS / took,
        cpu_us=1e6 * cpu_s / polled,
        rss_mib=rss / 2**20,
        written=written / polled,
        behind_s=behind / (polled / took),
        missing=len(lost) * per_answer,
        late=sum(number > early for number in lost) * per_answer,
        profiles={name: p.text for name, p in profilers.items()},
    )


def highest(options: Options, carrying: Carry, loads: list[Load], seconds: float) -> Load:
    """The load under which most was carried without loss after the first two seconds; they are tried upwards."""
    best: Carried | None = None
    for load in loads:
        found = carrying(options, load, seconds)
        if not found.whole:
            break
        if best and found.polled_per_s < best.polled_per_s * GROWTH:
            break
        best = found
    return best.load if best else loads[0]


def run(options: Options) -> Report:
    seconds, repeats = options.pick((10.0, 5), (1.0, 1))
    load = highest(options, carry, options.pick(OURS, [Load(5, 0.2)]), seconds)
    their_load = highest(options, peer.carry, options.pick(PEERS, PEERS[:1]), seconds) if options.peer else load
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(carry(options, load, seconds))
        if options.peer:
            theirs.append(peer.carry(options, their_load, seconds))
    missing = Line("readings of ours that are missing, from the first on", "readings", [float(c.missing) for c in ours])
    report = Report(
        name="way",
        title="Whole way: Modbus TCP poll to committed at the centre, beside thingsboard-gateway",
        method=(
            "One Modbus TCP server, which answers each read with the next number and counts; 20 registers per request on both sides.\n"
            "Ours: `doorpost run`, mosquitto, `doorpost central run`; a reading counts when the centre has committed it, and every "
            "number must be there in the end. Theirs: thingsboard-gateway with its Modbus connector, SQLite storage and QoS 1, "
            "unlimited, on a mosquitto whose subscriber answers as its platform would; a reading counts when it came out.\n"
            f"Each at its highest load without loss after its first two seconds, found by steps: ours {load.devices} devices every "
            f"{load.every_s} s, theirs {their_load.devices} every {their_load.every_s} s. CPU and RSS are of the gateway's process."
        ),
        targets=[Target(missing, "at most", 0, every=True)],
        lines=_lines("ours", ours),
    )
    if theirs:
        report.targets += _comparison(ours, theirs)
        report.lines += _lines("theirs", theirs)
    for who, carrying in {"ours": carry, "theirs": peer.carry}.items():
        if who == "ours" or options.peer:
            pairs = [carrying(options, PAIRS, seconds) for _ in range(options.pick(3, 1))]
            report.lines += _lines(f"{who}, one register pair per request, {PAIRS.offered:,.0f}/s offered", pairs)
    if not report.met:
        report.profiles = carry(options, load, seconds, profiled=True).profiles
    return report


def _comparison(ours: list[Carried], theirs: list[Carried]) -> list[Target]:
    def ratio(what: str, of: Callable[[Carried], float]) -> Line:
        return ratios(what, [of(c) for c in ours], [of(c) for c in theirs])

    return [
        Target(ratio("readings/s, ours / theirs", lambda c: c.readings_per_s), "at least", 10),
        Target(ratio("CPU per reading, ours / theirs", lambda c: c.cpu_us), "at most", 0.1),
        Target(ratio("RSS under that load, ours / theirs", lambda c: c.rss_mib), "at most", 1),
    ]


def _lines(who: str, found: list[Carried]) -> list[Line]:
    return [
        Line(f"{who}: carried", "readings/s", [c.readings_per_s for c in found]),
        Line(f"{who}: CPU", "us/reading", [c.cpu_us for c in found]),
        Line(f"{who}: RSS", "MiB", [c.rss_mib for c in found]),
        Line(f"{who}: written to disk", "bytes/reading", [c.written for c in found]),
        Line(f"{who}: missing", "readings", [float(c.missing) for c in found]),
        Line(f"{who}: missing after the first two seconds", "readings", [float(c.late) for c in found]),
    ]
