"""What scanners do to the separators of a GS1 element string. Pure."""

from traceability.gs1 import elements, lost
from traceability.gs1.table import table

CARRIERS = frozenset({"]C1", "]d2", "]Q3", "]e0", "]J1"})
"""AIM identifiers of the symbols that hold element strings."""

GS = elements.GS.encode()

SUBSTITUTES = (b"|", b"{GS}", b"^]", b"<GS>")
"""What scanners are known to send in place of GS."""


def prepare() -> None:
    """Read the table of application identifiers now, not with the first scan."""
    table()


def lost_separator(data: bytes) -> bool:
    """Whether one was lost on the way; `data` is ASCII."""
    return lost.lost_separator(data.decode("ascii"))
