"""A thousand lifts call at once at one centre, and two rescue desks answer all of them."""

import itertools
import json
import shutil
import sqlite3
from contextlib import ExitStack, closing
from typing import NamedTuple

from bench.options import Options
from bench.process import Process, python, until
from bench.profiler import Profiler
from bench.report import Line, Report, Target, percentile
from bench.site import Site

PROCESSES = 2
PERSONS = ("Li Na", "Wang Wei")
_KINDS = "SELECT text, count(*) FROM record JOIN word ON word.id = kind GROUP BY text"
_ONCE = "SELECT count(*) FROM command WHERE result = 'done'"
_ANSWERED = "SELECT count(DISTINCT id) FROM alarm WHERE acked_by IS NOT NULL"


class Called(NamedTuple):
    """One run. `lost` are alarms that are not at the centre exactly once, `unanswered` those whose acknowledgement is not
    there exactly once, from the order of a desk over the lift to the centre's own record of it.
    """

    to_centre_ms: list[float]
    answered_ms: list[float]
    all_s: float
    answers_per_s: float
    cpu_ms: float
    rss_mib: float
    lost: int
    unanswered: int
    again: int
    profile: str


def called(options: Options, count: int, *, profiled: bool = False) -> Called:
    names = [f"lift-{n:04}" for n in range(count)]
    site = Site(options.directory / "site", names)
    with ExitStack() as stack:
        broker = stack.enter_context(site.brokered())
        centre = stack.enter_context(site.centre())
        key = site.centre_data / "central.pub"
        clients = [
            stack.enter_context(
                Process(
                    python("-m", "bench.lift_clients", str(broker.port), site.directory, key, *names[n::PROCESSES]),
                    site.directory / f"clients-{n}.log",
                )
            )
            for n in range(PROCESSES)
        ]
        desks = [
            stack.enter_context(
                Process(
                    python("-m", "bench.lift_desk", site.centre_data, person), site.directory / f"desk-{person}.log"
                )
            )
            for person in PERSONS
        ]
        for process in (*clients, *desks):
            process.line()

        def told(which: int) -> int:
            return sum(json.loads(client.ask("told"))[which] for client in clients)

        profiler = Profiler(options.spy if profiled else None, centre.pid, site.directory / "centre.raw")
        stack.enter_context(profiler)
        cpu_s = centre.cpu_s()
        for client in clients:
            client.ask("raise")
        until(lambda: told(0) >= count, "all alarms at the centre", poll_s=0.05)
        for desk in desks:
            desk.tell("go")
        orders = [json.loads(desk.line()) for desk in desks]
        for desk in desks:
            desk.stop()
        until(lambda: told(1) >= count, "all acknowledgements back", poll_s=0.05)
        cpu_s, rss = centre.cpu_s() - cpu_s, centre.rss()
        lifts = list(itertools.chain.from_iterable(json.loads(client.ask("report")) for client in clients))
        with closing(sqlite3.connect(f"{(site.centre_data / 'central.db').as_uri()}?mode=ro", uri=True)) as db:
            until(lambda: db.execute(_ONCE).fetchone()[0] >= count, "all results at the centre", poll_s=0.05)
            kinds = dict(db.execute(_KINDS).fetchall())
            (answered,) = db.execute(_ANSWERED).fetchone()
            problems = db.execute("SELECT what, count FROM problem").fetchall()
    for problem in (*problems, *itertools.chain.from_iterable(lift[6] for lift in lifts)):
        raise AssertionError(problem)
    shutil.rmtree(site.directory)
    ordered = {alarm: at for desk in orders for alarm, (done, at) in desk.items() if done}
    given = sum(done for desk in orders for done, _ in desk.values())
    last = max(lift[4] for lift in lifts)
    return Called(
        to_centre_ms=[1000 * (lift[2] - lift[1]) for lift in lifts],
        answered_ms=[1000 * (lift[4] - ordered[lift[0]]) for lift in lifts],
        all_s=max(lift[2] for lift in lifts) - min(lift[1] for lift in lifts),
        answers_per_s=count / (last - min(ordered.values())),
        cpu_ms=1000 * cpu_s / count,
        rss_mib=rss / 2**20,
        lost=abs(count - kinds["alarm.raised/1"]),
        unanswered=max(abs(count - each) for each in (given, answered, kinds["alarm.acked/1"])),
        again=sum(lift[5] for lift in lifts),
        profile=profiler.text,
    )


def run(options: Options) -> Report:
    count = options.pick(1000, 20)
    runs = [called(options, count) for _ in range(options.pick(3, 1))]
    all_at_centre = Line(f"until all {count:,} alarms are at the centre", "s", [r.all_s for r in runs])
    answers = Line("acknowledgements given, carried out and told back", "1/s", [r.answers_per_s for r in runs])
    report = Report(
        name="lifts1000",
        title=f"{count:,} lifts call at once at one centre",
        method=(
            f"{count:,} clients that speak the contract, each with a connection, an identity, a store and a chain of its own, in "
            f"{PROCESSES} processes; mosquitto and one `doorpost central run`. All raise an alarm at the same moment; one is at the "
            "centre when its client hears the centre's own acknowledgement.\n"
            f"Then {len(PERSONS)} rescue desks, each a process, acknowledge all incidents at the same time, as the command line does: "
            "each is to be acknowledged by one of them. Answered is an alarm when its client has verified and obeyed the signed command, "
            "and the centre has its `alarm.acked/1`. CPU and RSS are the centre's."
        ),
        targets=[
            Target(
                Line("alarms lost or doubled at the centre", "alarms", [float(r.lost) for r in runs]),
                "at most",
                0,
                every=True,
            ),
            Target(
                Line("acknowledgements missing or doubled", "alarms", [float(r.unanswered) for r in runs]),
                "at most",
                0,
                every=True,
            ),
            Target(all_at_centre, "at most", 5),
            Target(answers, "at least", 50),
        ],
        lines=[
            Line("alarm to the centre, median", "ms", [percentile(r.to_centre_ms, 50) for r in runs]),
            Line("alarm to the centre, p99", "ms", [percentile(r.to_centre_ms, 99) for r in runs]),
            Line(
                "a desk's order to the acknowledgement's own record at the centre, median",
                "ms",
                [percentile(r.answered_ms, 50) for r in runs],
            ),
            Line(
                "a desk's order to the acknowledgement's own record at the centre, p99",
                "ms",
                [percentile(r.answered_ms, 99) for r in runs],
            ),
            Line("batches sent again for want of an answer", "batches", [float(r.again) for r in runs]),
            Line("CPU of the centre per alarm", "ms", [r.cpu_ms for r in runs]),
            Line("RSS of the centre", "MiB", [r.rss_mib for r in runs]),
        ],
    )
    if not report.met:
        report.profiles = {"centre": called(options, count, profiled=True).profile}
    return report
