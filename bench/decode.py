"""Symbols that zint and segno have drawn, spoilt in twelve ways: decoded by us, by bare zxing-cpp and by bare pyzbar."""

import time
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version

import cv2
import zxingcpp
from pyzbar import pyzbar

from bench.options import Options
from bench.report import Line, Report, Target, ratios
from bench.symbols import KINDS, SPOILT, Picture, Pixels, empty_pictures, spoilt_pictures
from drivers.camera.effort import all_looks

Read = Callable[[Pixels], list[bytes]]


def _bare_zxing(pixels: Pixels) -> list[bytes]:
    return [code.bytes for code in zxingcpp.read_barcodes(pixels)]


def _bare_zbar(pixels: Pixels) -> list[bytes]:
    # without PDF417 and DataBar, of which zbar's code is unfinished, it would be quicker, but not what one gets from it
    return [code.data for code in pyzbar.decode(pixels)]


def _ours(pixels: Pixels) -> list[bytes]:
    return [code.data for code in all_looks(pixels)]


class Tried:
    """What one decoder made of all pictures."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.ms: list[float] = []
        self.right: dict[str, int] = defaultdict(int)
        self.wrong = 0

    def look(self, picture: Picture) -> None:
        began = time.perf_counter()
        said = self._read(picture.pixels)
        self.ms.append(1000 * (time.perf_counter() - began))
        self.right[picture.spoilt] += picture.data in said
        self.wrong += any(data != picture.data for data in said)

    def total(self) -> float:
        return float(sum(self.right.values()))


def run(options: Options) -> Report:
    cv2.setNumThreads(1)
    ours, zxing, zbar = tried = Tried(_ours), Tried(_bare_zxing), Tried(_bare_zbar)
    empty = [Tried(one) for one in (_ours, _bare_zxing, _bare_zbar)]
    pictures = list(spoilt_pictures(options.pick(2, 1)))
    if options.quick:
        pictures = pictures[::7]
    for picture in pictures:
        for one in tried:
            one.look(picture)
    for nothing in empty_pictures(options.pick(25, 1)):
        for one in empty:
            one.look(nothing)
    behind = [min(0, ours.right[way] - max(zxing.right[way], zbar.right[way])) for way in SPOILT]
    better = max(zxing, zbar, key=Tried.total)
    return Report(
        name="decode",
        title="Codes in pictures: doorpost decode beside bare zxing-cpp and bare pyzbar",
        method=(
            f"{len(pictures)} pictures of 640 x 480: {len(KINDS)} kinds of symbols, drawn by zint and segno, each clean and spoilt in "
            f"{len(SPOILT) - 1} ways, all from fixed seeds; and {len(empty[0].ms)} in which there is nothing to read:\n"
            "grain, texture, fences, bars and modules without sense, tiles, print, finder patterns. Each is read by all three, one "
            "after the other, in one process;\nzxing-cpp and pyzbar are called as their documentation does, with all formats."
        ),
        targets=[
            Target(ratios("pictures read right, ours / the better of the two", [ours.total()], [better.total()]), "at least", 1),
            Target(Line("pictures by which we are behind the better one, at the worst way of spoiling", "pictures",
                        [float(-min(behind))]), "at most", 0),
            Target(Line("symbols that we read where there are none", "pictures", [float(empty[0].wrong)]), "at most", 0),
        ],
        lines=[
            *(Line(f"read right, {name}", "pictures", [one.total()]) for name, one in _named(tried)),
            *(Line(f"read wrong, {name}", "pictures", [float(one.wrong)]) for name, one in _named(tried)),
            *(Line(f"time per picture, {name}", "ms", one.ms) for name, one in _named(tried)),
            *(Line(f"time per empty picture, {name}", "ms", one.ms) for name, one in _named(empty)),
            *(Line(f"read in nothing, {name}", "pictures", [float(one.wrong)]) for name, one in _named(empty)[1:]),
            *(Line(f"{way}: {name}", "pictures", [float(one.right[way])]) for way in SPOILT for name, one in _named(tried)),
        ],
        versions={name: version(name) for name in ("zxing-cpp", "pyzbar", "segno")},
    )  # fmt: skip


def _named(tried: "tuple[Tried, ...] | list[Tried]") -> list[tuple[str, Tried]]:
    return list(zip(("ours", "zxing-cpp", "pyzbar"), tried, strict=True))
