"""Desks as processes of their own beside the ingesting centre: one answer for each call, and everybody sees whose."""

import json
import subprocess
import sys
from pathlib import Path

from central import queries
from central.ingest import Ingest
from central.store import Store, reader
from support.centre_lifts import LiftGateway
from support.source import new_id

TRIES = 60


def test_two_desks_at_once_give_one_answer(tmp_path: Path) -> None:
    """Both press on each call at the same moment, while more calls come in."""
    store = Store(tmp_path)
    ingest = Ingest(store)
    gateways = [LiftGateway("gw-1", f"L{n}") for n in range(TRIES)]
    for one in gateways:
        one.streams = gateways[0].streams
    alarms = [new_id() for _ in gateways]
    ingest.take([gateways[0].anchored()])
    desks = [
        subprocess.Popen(
            [sys.executable, "-m", "support.centre_desk", str(tmp_path), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
        )
        for name in ("Li Na", "Zhou")
    ]  # fmt: skip
    try:
        for desk in desks:
            assert desk.stdout
            assert desk.stdout.readline() == "ready\n"
        said = []
        for n, (gateway, alarm) in enumerate(zip(gateways, alarms, strict=True)):
            ingest.take([gateway.alarm("raised", n, alarm)])
            for desk in desks:
                assert desk.stdin
                desk.stdin.write(alarm + "\n")
                desk.stdin.flush()
        for desk in desks:
            out, _ = desk.communicate()
            said.append([json.loads(line) for line in out.splitlines()])
    finally:
        for desk in desks:
            desk.kill()
            desk.wait()
    assert [len(lines) for lines in said] == [TRIES, TRIES]
    first = {"Li Na": 0, "Zhou": 0}
    for one, other in zip(*said, strict=True):
        assert sorted([one[0], other[0]]) == [False, True]
        assert one[1:3] == other[1:3], "both see who and when"
        assert (len(one[3]), len(other[3])) == (int(one[0]), int(other[0]))
        first[one[1]] += 1
    assert sum(first.values()) == TRIES
    assert store.db.execute("SELECT count(*) FROM command").get == TRIES
    assert {one["state"] for one in queries.incidents(reader(tmp_path), 300)} == {"acked"}
    store.close()
