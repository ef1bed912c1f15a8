"""Where and with what it was measured."""

import os
import platform
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import apsw

from gateway.demo.broker import find

SYNCS = 300


def facts(directory: Path) -> dict[str, str]:
    """Line by line, as they stand above the table."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _commit(),
        "processor": f"{_after('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "disk": f"{_file_system(directory)}, fdatasync of 4 KiB {_syncs(directory):,.0f}/s",
        "load before": f"{os.getloadavg()[0]:.1f} (1 minute)",
        "Python": platform.python_version(),
        "SQLite": f"{apsw.sqlite_lib_version()} (apsw), {sqlite3.sqlite_version} (standard library)",
        "mosquitto": _mosquitto(),
        "doorpost": version("doorpost"),
    }


def _after(file: str, key: str) -> str:
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), platform.machine())


def _commit() -> str:
    def git(*args: str) -> str:
        return subprocess.run(["git", *args], capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if git("status", "--porcelain", "-uno") else "")


def _mosquitto() -> str:
    program = find("mosquitto")
    told = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout if program else "none\n"
    return told.splitlines()[0].removeprefix("mosquitto version ")


def _file_system(directory: Path) -> str:
    found = subprocess.run(
        ["stat", "--file-system", "--format=%T", directory], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def _syncs(directory: Path) -> float:
    """How often a second the disk takes 4 KiB for good: what group commit saves depends on it."""
    path = directory / "syncs"
    with path.open("wb", buffering=0) as file:
        started = time.perf_counter()
        for _ in range(SYNCS):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
        took = time.perf_counter() - started
    path.unlink()
    return SYNCS / took
