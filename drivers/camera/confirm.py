"""Which codes are believed: a symbol that corrects errors at once, any other once several pictures agree on it."""

from collections import Counter, deque
from collections.abc import Iterable

Key = tuple[str, bytes]
"""Format and data."""

STRONG = {"QR Code", "Data Matrix", "Aztec", "PDF417", "MaxiCode"}
"""Formats in which a misread is corrected or refused."""


class Confirm:
    """A code is believed in a picture if `least` of the last `of` decoded ones show it."""

    def __init__(self, least: int, of: int) -> None:
        self._least = least
        self._last: deque[frozenset[Key]] = deque(maxlen=of)

    def step(self, keys: Iterable[Key]) -> set[Key]:
        """Those of a picture that are believed."""
        seen = frozenset(keys)
        self._last.append(seen)
        counts = self._counts()
        return {key for key in seen if key[0] in STRONG or counts[key] >= self._least}

    @property
    def open(self) -> bool:
        """Whether a code waits for another picture that shows it."""
        return any(key[0] not in STRONG and count < self._least for key, count in self._counts().items())

    def _counts(self) -> Counter[Key]:
        return Counter(key for seen in self._last for key in seen)
