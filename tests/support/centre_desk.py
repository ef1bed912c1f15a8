"""A rescue desk as a process of its own: `python -m support.centre_desk DATA NAME`. Incidents come by stdin, a line each."""

import json
import sys
from pathlib import Path

from central import commands
from central.store import second_writer, turn


def main(data: str, person: str) -> None:
    """Acknowledge each as soon as its line is there, and say what came of it."""
    db = second_writer(Path(data))
    print("ready", flush=True)
    for line in sys.stdin:
        with turn(Path(data)):
            done = commands.order(db, line.strip(), "ack", person)
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
