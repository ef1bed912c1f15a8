"""What digits must look like."""

import re

_DIGITS = re.compile("[0-9]*")
_POSITION = re.compile("([1-9][0-9]*)/([1-9][0-9]*)")
_SHORTEST_PREFIX = 4


def gcppos1(part: str) -> str | None:
    """It begins with a GS1 Company Prefix: none is known to be shorter than four digits; which are assigned is not known here."""
    prefix = part[:_SHORTEST_PREFIX]
    if prefix and not (prefix.isascii() and prefix.isdigit()):
        return "company_prefix_wrong"
    return None if len(prefix) == _SHORTEST_PREFIX else "company_prefix_short"


def gcppos2(part: str) -> str | None:
    """The prefix begins at the second character."""
    return gcppos1(part[1:])


def hasnondigit(part: str) -> str | None:
    return "only_digits" if _DIGITS.fullmatch(part) else None


def nozeroprefix(part: str) -> str | None:
    if part.startswith("0"):
        return "zero_in_front"
    return None if _DIGITS.fullmatch(part) else "not_a_digit"


def nonzero(part: str) -> str | None:
    if not _DIGITS.fullmatch(part):
        return "not_a_digit"
    return None if part.strip("0") else "is_zero"


def zero(part: str) -> str | None:
    return None if part and not part.strip("0") else "is_not_zero"


def pieceoftotal(part: str) -> str | None:
    """Half of the digits say which piece it is, the other half of how many."""
    if not _DIGITS.fullmatch(part):
        return "not_a_digit"
    piece, total = part[: len(part) // 2], part[len(part) // 2 :]
    fits = len(piece) == len(total) and piece.strip("0") and total.strip("0") and piece <= total
    return None if fits else "piece_of_total_wrong"


def posinseqslash(part: str) -> str | None:
    """`1/2`: the first of two."""
    found = _POSITION.fullmatch(part)
    if not found:
        return "position_wrong"
    position, end = found.groups()
    return None if (len(position), position) <= (len(end), end) else "position_wrong"


def latitude(part: str) -> str | None:
    """Degrees from the south pole, times ten million."""
    return _degrees(part, "1800000000", "latitude_wrong")


def longitude(part: str) -> str | None:
    """Degrees, times ten million."""
    return _degrees(part, "3600000000", "longitude_wrong")


def _degrees(part: str, most: str, code: str) -> str | None:
    if not _DIGITS.fullmatch(part):
        return "not_a_digit"
    return None if len(part) == len(most) and part <= most else code
