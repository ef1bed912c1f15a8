"""What the prefix of a GTIN says of it: some name no trade item of the whole world."""

from traceability.finding import Finding, Grade

_IN_STORE = Finding("gtin_in_store", Grade.NOTE)
_COUPON = Finding("gtin_coupon", Grade.NOTE)
_SERIAL = Finding("gtin_issn", Grade.NOTE)
_BOOK = Finding("gtin_isbn", Grade.NOTE)

_RANGES = (
    (20, 30, _IN_STORE),
    (40, 50, _IN_STORE),
    (50, 60, _COUPON),
    (200, 300, _IN_STORE),
    (977, 978, _SERIAL),
    (978, 980, _BOOK),
    (980, 985, _COUPON),
    (990, 1000, _COUPON),
)
"""Of GTIN-12 to GTIN-14; from memory of GS1's list of prefixes, 977 to 979 found too."""
_PREFIXES = {f"{prefix:03}": meaning for first, end, meaning in _RANGES for prefix in range(first, end)}
_EIGHT = "000000"
"""In front of a GTIN-8, of which those that begin with 0 or 2 are each company's own."""


def meaning(gtin: str) -> Finding | None:
    """Of the 14 digits of AI 01; None where it is an ordinary one."""
    if gtin.startswith(_EIGHT):
        return _IN_STORE if gtin[6:7] in ("0", "2") else None
    return _PREFIXES.get(gtin[1:4])
