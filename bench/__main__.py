"""`python -m bench [NAME...] [--quick]`: measure, and write docs/performance.md from all that was ever measured here."""

import argparse
import importlib
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import msgspec

from bench import machine, table
from bench.options import Options
from bench.report import Target

NAMES = (
    "append",
    "disk",
    "way",
    "drain",
    "resume",
    "alarm",
    "lift",
    "lift_idle",
    "lifts1000",
    "idle",
    "flat",
    "rtu",
    "tcp",
    "buses",
    "llrp",
    "camera",
    "decode",
    "identify",
)
HERE = Path(__file__).parent.parent
RESULTS = HERE / ".cache" / "bench"
TOOLS = HERE / ".venv-bench" / "bin"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument(
        "--quick", action="store_true", help="only whether they still run: nothing is judged or written"
    )
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    failed = [name for name in asked.names or NAMES if not _measured(name, quick=asked.quick)]
    if not asked.quick:
        found = [path for name in NAMES if (path := RESULTS / f"{name}.json").exists()]
        results = [msgspec.json.decode(path.read_bytes(), type=table.Result) for path in found]
        table.write(HERE / "docs" / "performance.md", results)
    return len(failed)


def _measured(name: str, *, quick: bool) -> bool:
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=RESULTS))
    try:
        facts = machine.facts(directory)
        spy, peer = TOOLS / "py-spy", TOOLS / "python"
        options = Options(directory, quick, spy if spy.exists() else None, peer if peer.exists() else None)
        report = importlib.import_module(f"bench.{name}").run(options)
    except Exception:  # noqa: BLE001  # the others are measured all the same
        traceback.print_exc()
        return False
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for target in report.targets:
        print(f"{name}: {told(target, quick=quick)}", flush=True)
    if not quick:
        result = msgspec.json.encode(table.Result(facts, report))
        (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(result))
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return True


def told(target: Target, *, quick: bool) -> str:
    """A quick run is too short for its numbers to be held against anything."""
    verdict = "not judged" if quick else "met" if target.met else "MISSED"
    return f"{target.line.what}: {target.reached:.3g}, {target.sense} {target.bound:g}: {verdict}"


if __name__ == "__main__":
    sys.exit(main())
