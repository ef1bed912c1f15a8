"""The compressed form that Digital Links had in versions 1.1 and 1.2 of the standard: recognised, not decoded."""

import re
from base64 import urlsafe_b64decode

from traceability.gs1.table import at, find
from traceability.gs1.values import wrong

_COMPRESSED = re.compile(r"[A-Za-z0-9_-]{8,}")
_OF_GS1 = re.compile(r"(?:.*\.)?gs1\.org(?::\d+)?")

_SHORTENED = {
    **dict.fromkeys((f"{group}{letter}" for group in "0123" for letter in "abcdef"), "01"),
    **dict.fromkeys((f"a{digit}" for digit in range(10)), "01"),
    **dict.fromkeys((f"c{letter}" for letter in "0123456789abcd"), "255"),
    "9b": "8017",
    "9c": "8018",
    "9d": "414",
}
"""First byte of a compressed link that stands for several AIs at once -> the key among them, which comes first."""


def compressed(segment: str, host: str) -> tuple[str, str] | None:
    """The key that the segment begins with, if it is a compressed link: its check digit must be right.

    That is one chance in ten for any text; so on a host that is not GS1's, it must begin with the key's own code, and go on with
    another or end.
    """
    if not _COMPRESSED.fullmatch(segment):
        return None
    width = 6 * len(segment)
    bits = int.from_bytes(urlsafe_b64decode(segment + "A" * (-len(segment) % 4))) >> 6 * (-len(segment) % 4)
    digits = f"{bits >> width - 16:04x}"
    short = _SHORTENED.get(digits[:2])
    ai = find(short) if short else at(digits)
    if ai is None or ai.primary is None or "csum" not in ai.components[0].checks:
        return None
    most = ai.components[0].most
    size = (10**most - 1).bit_length()
    left = width - (8 if short else 4 * len(ai.code)) - size
    if left < 0:
        return None
    value = str((bits >> left) % (1 << size)).zfill(most)
    if wrong(ai, value) is not None:
        return None
    if _OF_GS1.fullmatch(host) or (not short and _goes_on(bits % (1 << left), left)):
        return ai.code, value
    return None


def _goes_on(rest: int, width: int) -> bool:
    """With the code of an AI, or, if there is no room for one, with zeros."""
    return rest == 0 if width < 8 else at(f"{rest << 16 >> width:04x}") is not None
