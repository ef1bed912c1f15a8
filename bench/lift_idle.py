"""What eight lifts cost a gateway while nobody calls: all of it, and the rules alone."""

import time
from contextlib import ExitStack

from bench.lift import LIFTS, Board, settings, terminals
from bench.load import SETTLE_S
from bench.options import Options
from bench.process import Process
from bench.profiler import Profiler
from bench.report import Line, Report, Target
from bench.site import Site

CONTACTS_EVERY_S = 0.25
WITH, WITHOUT = "gw-rules", "gw-bare"


def _gateway(site: Site, stack: ExitStack, gw: str) -> Process:
    board, lifts = Board(site, stack, gw), terminals(site, stack)
    return stack.enter_context(
        site.gateway(settings(board.endpoint, lifts, CONTACTS_EVERY_S, rules=gw == WITH), gw),
    )


def run(options: Options) -> Report:
    windows, seconds = options.pick((8, 10.0), (1, 1.0))
    site = Site(options.directory / "site", [WITH, WITHOUT])
    used: list[list[float]] = []
    with ExitStack() as stack:
        stack.enter_context(site.brokered())
        stack.enter_context(site.centre())
        gateways = [_gateway(site, stack, gw) for gw in (WITH, WITHOUT)]
        for gw in (WITH, WITHOUT):
            site.wait_online(gw)
        time.sleep(SETTLE_S)
        with Profiler(options.spy, gateways[0].pid, site.directory / "gateway.raw") as profiler:
            time.sleep(seconds)
        for _ in range(windows):
            before = [gateway.cpu_ns() for gateway in gateways]
            time.sleep(seconds)
            used.append([(gateway.cpu_ns() - b) / 1e7 / seconds for gateway, b in zip(gateways, before, strict=True)])
    whole = Line(f"CPU of a gateway with {LIFTS} lifts", "% of a core", [each for each, _ in used])
    rules = Line(f"CPU of the rules of {LIFTS} lifts", "% of a core", [each - bare for each, bare in used])
    report = Report(
        name="lift_idle",
        title=f"Idle: {LIFTS} lifts on one gateway",
        method=(
            f"{LIFTS} terminals on an RS-485 bus at 9600 baud, each asked every second for all of its points, and a board with "
            f"contacts every {CONTACTS_EVERY_S} s; nobody calls. CPU by the scheduler's own count (schedstat), window by window.\n"
            "What the rules cost is the difference to a second gateway beside it, with the same devices and no rules."
        ),
        targets=[Target(rules, "at most", 2), Target(whole, "at most", 8)],
        lines=[],
    )
    if not report.met:
        report.profiles = {"gateway": profiler.text}
    return report
