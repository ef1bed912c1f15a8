"""A rescue desk at the centre, `python -m bench.lift_desk DATA PERSON`: acknowledges every incident there is, one after the other.

It prints a line when it stands, waits for one, and answers with JSON: whether each incident's acknowledgement was this desk's,
and when it was ordered (CLOCK_MONOTONIC), by alarm.
"""

import json
import sys
import time
from pathlib import Path

from central import commands, queries
from central.store import reader, second_writer, turn

OFFLINE_S = 300.0


def main(data: Path, person: str) -> None:
    db = second_writer(data)
    print("ready", flush=True)
    sys.stdin.readline()
    given: dict[str, tuple[bool, float]] = {}
    for incident in queries.incidents(reader(data), OFFLINE_S):
        ordered_at = time.monotonic()
        with turn(data):
            ordered = commands.order(db, incident["incident"], "ack", person)
        given |= dict.fromkeys(incident["alarms"], (ordered.done, ordered_at))
    print(json.dumps(given), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
