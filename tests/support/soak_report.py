"""The table of a long run: printed, and written where `docs/soak.md` says."""

import os
import platform
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

import apsw

from gateway.demo.broker import find
from support.soak_parts import Takes

DIRECTORY = Path(os.environ.get("DOORPOST_SOAK_OUT", ".cache/soak"))


def where() -> str:
    """Machine and versions."""
    mosquitto = find("mosquitto")
    said = subprocess.run([mosquitto, "-h"], capture_output=True, text=True, check=False).stdout if mosquitto else "no"
    broker = said.splitlines()[0].split(" version ")[-1]
    cpu = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    return (
        f"{os.cpu_count()} x {cpu}; Linux {platform.release()}, Python {platform.python_version()}, "
        f"SQLite {apsw.sqlitelibversion()}, mosquitto {broker}"
    )


def _cpuinfo() -> list[str]:
    return Path("/proc/cpuinfo").read_text().splitlines()


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Markdown, with its columns under each other."""
    cells = [[str(cell) for cell in head], *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def growth(taken: Mapping[str, Sequence[Takes]]) -> tuple[str, list[str]]:
    """Per process the medians of the first and the last quarter of all looks at it, as a table; and who has grown."""
    rows: list[list[object]] = []
    grown = []
    for name, seen in taken.items():
        quarter = max(1, len(seen) // 4)
        first, last = seen[:quarter], seen[-quarter:]
        rss = [median(one.rss for one in part) / 1e6 for part in (first, last)]
        fds = [median(one.fds for one in part) for part in (first, last)]
        most = max(one.rss for one in seen) / 1e6
        rows.append([name, len(seen), *(f"{one:.1f}" for one in (*rss, most)), *fds])
        if rss[1] > 1.25 * rss[0] + 10 or fds[1] > fds[0] + 10:
            grown.append(name)
    return table(
        ("process", "looks", "RSS first MB", "RSS last MB", "RSS most MB", "fds first", "fds last"), rows
    ), grown


def report(name: str, title: str, facts: Mapping[str, object], *tables: str) -> str:
    """Print it, and keep it as `NAME.md`."""
    said = {"when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "where": where(), **facts}
    text = "\n\n".join([f"## {title}", table(("what", "result"), said.items()), *tables]) + "\n"
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    (DIRECTORY / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    return text
