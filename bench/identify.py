"""What a market gate scans in a morning, identified on one core; biip on those that it knows, in the same run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

import biip

from bench.options import Options
from bench.report import Line, Report, Target
from gateway.codes import Codes
from traceability import identify

GS = "\x1d"
_GTIN = "06901234567892"

SCANS: tuple[tuple[str, str | None], ...] = (
    ("6901234567892", "]E0"),
    ("6901234567892", None),
    (f"01{_GTIN}1727063010L2311{GS}21S00042", "]C1"),
    (f"01{_GTIN}3103001250", "]e0"),
    (f"01{_GTIN}1727063010L2311{GS}21S00042", "]d2"),
    ("00069012345000000011", "]C1"),
    (f"https://id.gs1.org/01/{_GTIN}/10/L2311?17=270630", "]Q1"),
    (f"HTTPS://EXAMPLE.CN/01/{_GTIN}/21/S00042", "]Q1"),
    ("81000010000000012345", "]C0"),
    ("202601150123412345678901", "]Q1"),
    ("11234561001000000000000000000001", "]Q1"),
    ("https://example.cn/t?c=8f3a19", "]Q1"),
    ("6901234567893", "]E0"),
    ("nothing that anybody knows", None),
)
"""A scan each: text, AIM symbology identifier. Packs, cartons, pallets, weighed fish, drugs, vet drugs, pesticides, and rubbish."""

TAGS = (
    "3066C4409047E140075BCD15",
    "F73795211411234538566CB0AFC4",
    "311BA1B300CE0A6A83000000",
    "E28011606000020954321234",
)

_IMPORT = """
import time
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
before, began = resident(), time.process_time()
{what}
print(1000 * (time.process_time() - began), (resident() - before) / 1024)
"""
_OURS = "import traceability.identify"
_PEER = "import biip; biip.parse('6901234567892')"
_TABLE = "from gateway.codes import Codes; Codes(None)"


def run(options: Options) -> Report:
    codes, year = Codes(None).current(), datetime.now().astimezone().year
    seconds = options.pick(2.0, 0.1)

    def ours() -> None:
        for text, aim in SCANS:
            identify.scan(text, aim, codes, None, year)
        for tag in TAGS:
            identify.tag(tag, None, codes, None, year)

    gs1 = [f"{aim or ''}{text}" for text, aim in SCANS if aim in ("]C1", "]d2", "]e0", "]E0")]

    def theirs() -> None:
        for text in gs1:
            biip.parse(text)

    def ours_of_those() -> None:
        for text in gs1:
            identify.scan(text, None, codes, None, year)

    rates, alone, biips = [], [], []
    for _ in range(options.pick(7, 1)):
        rates.append(_rate(ours, len(SCANS) + len(TAGS), seconds))
        alone.append(_rate(ours_of_those, len(gs1), seconds))
        biips.append(_rate(theirs, len(gs1), seconds))
    turns = range(options.pick(7, 1))
    for what in (_OURS, _TABLE, _PEER):
        _imported(what)
    imports = [_imported(_OURS) for _ in turns]
    tables = [_imported(_TABLE) for _ in turns]
    peers = [_imported(_PEER) for _ in turns]
    return Report(
        name="identify",
        title="Identifications on one core: any scan to one identity",
        method=(
            f"{len(SCANS)} scans and {len(TAGS)} tags in turn, as a market gate has them: retail packs, cartons, a pallet, weighed fish, "
            "GS1 Digital Links, drugs, vet drugs,\npesticides, wrong ones and rubbish, with all the schemes that ship. biip gets those of "
            "them that are GS1 symbols, and so do we beside it. Imports in a\nfresh Python each, time of the processor."
        ),
        targets=[
            Target(Line("identifications", "1/s", rates), "at least", 10_000),
            Target(Line("import", "ms", [ms for ms, _ in imports]), "at most", 100),
            Target(Line("memory of the import", "MiB", [mib for _, mib in imports]), "at most", 6),
        ],
        lines=[
            Line("of the GS1 symbols alone", "1/s", alone),
            Line("of the GS1 symbols alone, biip", "1/s", biips),
            Line("import with the table of schemes read", "ms", [ms for ms, _ in tables]),
            Line("memory of that", "MiB", [mib for _, mib in tables]),
            Line("import and first parse, biip", "ms", [ms for ms, _ in peers]),
            Line("memory of that, biip", "MiB", [mib for _, mib in peers]),
        ],
        versions={"biip": version("biip")},
    )


def _rate(work: Callable[[], None], each: int, seconds: float) -> float:
    """Per second of processor time."""
    turns, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        work()
        turns += 1
    return turns * each / (time.process_time() - began)


def _imported(what: str) -> tuple[float, float]:
    """(ms, MiB) that it took in a fresh Python."""
    compiling = {"PYTHONDONTWRITEBYTECODE": ""}  # an installed program is compiled once
    said = subprocess.check_output(
        [sys.executable, "-c", _IMPORT.format(what=what)], text=True, env=os.environ | compiling
    )
    ms, mib = map(float, said.split())
    return ms, mib
