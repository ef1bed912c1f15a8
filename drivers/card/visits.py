"""A run of a card reader's driver, and the cards that are there before and after it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from drivers.card.presence import Presence
from model.errors import PermanentError
from model.ports import Context


@contextmanager
def visits(presence: Presence, context: Context) -> Iterator[None]:
    """A reader that is lost and soon back has not lost its cards: they stay over a reconnect, which is another run.

    One that stays away longer than a card may be unheard can say nothing of its cards: they are told as gone at the next
    try to reach it. Where no run will follow they are told as gone at once: nobody listens any more.
    """
    for card in presence.due(context.clock.now()):
        context.emit(card)
    try:
        yield
    except (asyncio.CancelledError, PermanentError):
        for card in presence.end(context.clock.now()):
            context.emit(card)
        raise
