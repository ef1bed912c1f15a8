"""How hard a picture is tried: plainly, with a second opinion, or in every way until something is proven. Child only.

Each further look at a picture, in which it was changed, is one more chance of reading a code that is not there. So what a
plain look has not found needs proof: a symbol that corrects errors is one, of any other two looks must agree.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from drivers.camera import prepare
from drivers.camera.pixels import BadPictureError, Pixels, guarded
from drivers.camera.protocol import Code
from drivers.camera.symbols import Binarizer, zbar, zxing

BUDGET_S = 3.0
"""Of CPU time: no further look is begun after that."""
PROOF = 2
"""So many looks must agree on a symbol that does not correct errors."""
SURE_PROOF = 3
"""And on a DataBar, whose halves are found apart and whose checksum has but 79 values."""
SHORT = 6
"""Characters: a symbol without a checksum that has fewer is not believed, however many looks agree on it."""
MARGIN = 0.25
"""So much of its error correction a symbol must not have needed, to be believed by one look."""
HUGE = 12_000_000
"""Pixels: larger pictures are read smaller first, for the time that zxing-cpp takes grows with them."""
UNCHECKED = {"ITF", "Code 39", "Codabar"}
RETAIL = {"EAN-13", "UPC-A", "UPC-E"}
FORMATS = ("QRCode", "MicroQRCode", "RMQRCode", "DataMatrix", "Aztec", "PDF417", "MicroPDF417", "MaxiCode",
           "DataBar", "Code128", "Code93", "Code39", "Codabar", "ITF", "EANUPC")  # fmt: skip
"""What later looks search where no format is asked for: zxing-cpp's others misread too easily."""

Reader = Callable[[Pixels, Sequence[str]], list[Code]]


def _by(binarizer: object) -> Reader:
    return lambda pixels, formats: zxing(pixels, formats or FORMATS, binarizer)


LOCAL, FIXED, GLOBAL = (
    _by(one) for one in (Binarizer.LocalAverage, Binarizer.FixedThreshold, Binarizer.GlobalHistogram)
)


class Look(NamedTuple):
    """A way to change the picture, and who reads it then."""

    change: prepare.Change
    readers: tuple[Reader, ...]


OPINION = (
    Look(prepare.as_it_is, (zbar,)),
    Look(prepare.stretched, (FIXED,)),
)
LOOKS = (
    Look(prepare.stretched, (FIXED,)),
    Look(prepare.as_it_is, (zbar,)),
    Look(prepare.twice_sharpened, (LOCAL, zbar)),
    Look(prepare.levelled, (FIXED, zbar, LOCAL)),
    Look(prepare.flattened, (FIXED, LOCAL)),
    Look(prepare.denoised, (LOCAL, FIXED, zbar)),
    Look(prepare.twice, (LOCAL, zbar)),
    Look(prepare.flattened_twice, (LOCAL, FIXED, zbar)),
    Look(prepare.thrice_sharpened, (LOCAL, GLOBAL, zbar)),
    Look(prepare.softened, (LOCAL, zbar)),
    Look(prepare.combed, (FIXED, LOCAL, zbar)),
    Look(prepare.inverted, (LOCAL, FIXED, zbar)),
    Look(prepare.halved, (LOCAL, zbar)),
    Look(prepare.closed, (LOCAL,)),
)


def plain(pixels: Pixels, formats: Sequence[str]) -> list[Code]:
    return zxing(pixels, formats)


def second_opinion(pixels: Pixels, formats: Sequence[str], found: Sequence[Code]) -> list[Code]:
    """What other readers see in a picture of a stream beside that which was found; the next pictures must confirm it."""
    codes = list(found)
    for look in OPINION:
        changed = look.change(pixels)[0]
        for reader in look.readers:
            codes += [code for code in reader(changed, formats) if _beside(code, codes)]
    return codes[len(found) :]


def all_looks(pixels: Pixels, formats: Sequence[str] = ()) -> list[Code]:
    """All that can be read in a picture that has no successor; of a very large one what a smaller one shows, if anything."""
    if pixels.size > HUGE:
        smaller, back = prepare.within(pixels, HUGE)
        if codes := _as_it_is(smaller, formats)[0]:
            for code in codes:
                code.position = prepare.moved(code.position, back)
            return codes
    told, refused = _as_it_is(pixels, formats)
    return told or [code for code in _proven(pixels, formats) if (code.format, code.data) not in refused]


def _as_it_is(pixels: Pixels, formats: Sequence[str]) -> tuple[list[Code], set[tuple[str, bytes]]]:
    """Without any change, by both decoders; and what zxing-cpp alone has seen of a kind that needs agreement.

    zbar is always asked too: of several symbols in a picture it reads others. A symbol without a checksum needs an opinion
    that agrees: damage makes another one of it.
    """
    found = plain(pixels, formats)
    if any(code.format in RETAIL for code in found):
        found += zxing(pixels, formats, add_on=True)  # told beside the symbol without it
    by_zbar = zbar(pixels, formats)
    more = [code for code in by_zbar if _beside(code, found)]
    told = [code for code in (*found, *more) if code.format not in UNCHECKED]
    if len(told) < len(found) + len(more):
        fixed = _keys(FIXED(prepare.stretched(pixels)[0], formats))
        agreed = fixed | _keys(by_zbar)
        told += [code for code in found if code.format in UNCHECKED and (code.format, code.data) in agreed]
        told += [code for code in more if code.format in UNCHECKED and (code.format, code.data) in fixed]
    return told, _keys(found) - _keys(told)


def _keys(codes: Sequence[Code]) -> set[tuple[str, bytes]]:
    return {(code.format, code.data) for code in codes}


def _beside(code: Code, others: Sequence[Code]) -> bool:
    """Whether it is a symbol of its own: neither another reading of one of these nor another such as it."""
    return not any((code.format, code.data) == (other.format, other.data) or _overlap(code, other) for other in others)


def _overlap(one: Code, other: Code) -> bool:
    """Whether the middle of one lies in the other: a linear symbol's place may be no more than the line that was read."""
    return any(prepare.holds(a.position, b.position) for a, b in ((one, other), (other, one)))


def _proven(pixels: Pixels, formats: Sequence[str]) -> list[Code]:
    ends = time.thread_time() + BUDGET_S
    votes: dict[tuple[str, bytes], list[Code]] = {}
    for codes in _looked(pixels, formats):
        for code in {(code.format, code.data): code for code in codes}.values():
            votes.setdefault((code.format, code.data), []).append(code)
        proven = [max(codes, key=_told) for codes in votes.values() if _believed(codes)]
        if proven or time.thread_time() > ends:
            return proven
    return []


def _looked(pixels: Pixels, formats: Sequence[str]) -> Iterator[list[Code]]:
    smaller, shrunk = prepare.within(pixels, prepare.PIXELS_MAX)
    for look in LOOKS:
        try:
            changed, back = guarded(look.change, smaller)
        except BadPictureError:
            continue  # too large to be changed so
        for reader in look.readers:
            codes = reader(changed, formats)
            for code in codes:
                code.position = prepare.moved(prepare.moved(code.position, back), shrunk)
            yield codes


def _believed(votes: Sequence[Code]) -> bool:
    one = votes[0]
    if max(vote.margin for vote in votes) >= MARGIN:
        return True
    proof = SURE_PROOF if one.format.startswith("DataBar") else PROOF
    return len(votes) >= proof and (one.format not in UNCHECKED or len(one.data) >= SHORT)


def _told(code: Code) -> bool:
    return code.aim is not None
