"""What the open screens of one language show: drawn once for all of them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec

from central.desk.pages import Drawn, Pages
from central.desk.watch import Seen, Watch


class Board:
    """Each block with the version since which it looks as it does; a screen is told what is newer than its own."""

    def __init__(self, pages: Pages, watch: Watch) -> None:
        self._pages = pages
        self._watch = watch
        self._drawing: asyncio.Task[None] | None = None
        self._seen: Seen | None = None
        self._version = 0
        self._drawn: Drawn = {}
        self._blocks: dict[tuple[str, str], tuple[int, Any]] = {}
        self._news: dict[int, bytes] = {}

    async def news(self, version: int) -> tuple[Seen, int, bytes]:
        """What was seen when its drawing began, its version, and as JSON the blocks that have changed since `version`; 0 for all."""
        if self._seen is not self._watch.seen:
            if self._drawing is None:
                self._drawing = asyncio.create_task(self._draw(self._watch.seen))
            # a thread cannot be ended: it draws for all others, also where this screen is closed meanwhile
            await asyncio.shield(self._drawing)
        assert self._seen is not None
        if version not in self._news:
            self._news[version] = self._since(version)
        return self._seen, self._version, self._news[version]

    async def _draw(self, seen: Seen) -> None:
        try:
            blocks = await asyncio.to_thread(lambda: dict(_flat(self._pages.blocks(seen, self._drawn))))
        finally:
            self._drawing = None
        before, self._seen, self._version, self._news = self._blocks, seen, self._version + 1, {}
        self._blocks = {
            key: before[key] if key in before and before[key][1] == block else (self._version, block)
            for key, block in blocks.items()
        }

    def _since(self, version: int) -> bytes:
        """A block of an incident is under its part and the incident's id."""
        found: dict[str, Any] = {}
        for (part, incident), (changed, block) in self._blocks.items():
            if changed > version:
                if incident:
                    found.setdefault(part, {})[incident] = block
                else:
                    found[part] = block
        return msgspec.json.encode(found)


def _flat(blocks: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for part, block in blocks.items():
        if isinstance(block, dict):
            yield from (((part, incident), html) for incident, html in block.items())
        else:
            yield (part, ""), block
