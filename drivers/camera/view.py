"""Which codes are in view: so that a box standing before the camera is one scan."""

from collections.abc import Iterable

Key = tuple[str, bytes]
"""Format and data: one of the two decoders tells no AIM identifier."""


class View:
    def __init__(self, left_us: int) -> None:
        self._left_us = left_us
        self._absent_since: dict[Key, int | None] = {}

    def step(self, keys: Iterable[Key], mono: int) -> list[Key]:
        """The codes of a picture taken at `mono` (us) that were not in view. A code leaves after `left_us` of pictures
        without it; time without pictures does not count."""
        seen = dict.fromkeys(keys)
        for key in self._absent_since.keys() - seen.keys():
            since = self._absent_since[key]
            if since is None:
                since = self._absent_since[key] = mono
            if mono - since >= self._left_us:
                del self._absent_since[key]
        new = [key for key in seen if key not in self._absent_since]
        self._absent_since.update(seen)
        return new
