"""Coverage-guided fuzzing with atheris: `python -m fuzz.run [--seconds N] [HARNESS ...]`, which `make fuzz` calls.

Each harness runs in a process of its own. What it found stays in .cache/fuzz, as bytes to begin with the next time.
"""

import argparse
import logging
import os
import platform
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from fuzz.mutation import mutated_json

SECONDS = 60
MEMORY_MB = 512
ONE_INPUT_S = 5
DIRECTORY = Path(".cache/fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"for each harness ({SECONDS})")
    parser.add_argument("harness", nargs="*", help="which; default: all")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        import atheris  # type: ignore[import-untyped]
    except ImportError:
        print(f"FUZZING SKIPPED: atheris has no wheel for Python {platform.python_version()} on {platform.machine()}")
        return 0
    if args.inside:
        (name,) = args.harness
        with atheris.instrument_imports(include=["model", "sync", "traceability"]):
            from fuzz.harnesses import HARNESSES
        _fuzz(atheris, HARNESSES[name].run, name, args.seconds)
    from fuzz.harnesses import HARNESSES

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        names = args.harness or list(HARNESSES)
        results = list(pool.map(lambda name: _outside(name, HARNESSES[name].seeds, args.seconds), names))
    return int(not all(results))


def _outside(name: str, seeds: list[bytes], seconds: int) -> bool:
    """Run one harness in a process, and say what came of it."""
    corpus = DIRECTORY / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    argv = [sys.executable, "-m", "fuzz.run", "--inside", "--seconds", str(seconds), name]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    log = DIRECTORY / name / "log"
    log.write_bytes(done.stdout)
    runs = next((line for line in reversed(done.stdout.decode(errors="replace").splitlines()) if "Done" in line), "")
    print(f"{name:24} {runs or f'FAILED: see {log}'}", flush=True)
    return done.returncode == 0


def _fuzz(atheris: Any, run: Callable[[bytes], None], name: str, seconds: int) -> NoReturn:
    """Until the time is over, a defect or a limit ends the process."""

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        changed = mutated_json(data, chance) if chance.random() < 0.5 else None
        mutant: bytes = atheris.Mutate(data, max_size) if changed is None else changed[:max_size]
        return mutant

    options = [
        f"-max_total_time={seconds}",
        "-max_len=8192",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-timeout={ONE_INPUT_S}",
        f"-artifact_prefix={DIRECTORY / name}/",
        "-verbosity=1",
        str(DIRECTORY / name / "corpus"),
    ]
    logging.disable()
    atheris.Setup([name, *options], run, custom_mutator=mutated)
    atheris.Fuzz()
    raise AssertionError("it never returns")


if __name__ == "__main__":
    sys.exit(main())
