"""Where our history of a store and the centre's part: after a restored backup, on a cloned card, with a disk that lied."""

from collections.abc import Awaitable, Callable

from model.errors import StoreError
from model.record import STREAMS, Stream
from sync.contract.messages import HASHES_MAX
from sync.journal.segment import Head
from sync.journal.view import StoreView

Ask = Callable[[Stream, list[int]], Awaitable[dict[int, str]]]
"""The centre's hashes (hex) at these numbers of the store, as far as it has them. Raises TimeoutError when it does not answer."""


async def parting(store: StoreView, ask: Ask) -> dict[Stream, Head]:
    """Per stream the last record that both have. What the centre cannot show counts as not shared: it is sent once more then.

    Raises TimeoutError, StoreError.
    """
    return {stream: await _shared(store, stream, ask) for stream in STREAMS}


async def _shared(store: StoreView, stream: Stream, ask: Ask) -> Head:
    low, high = store.low(stream) - 1, store.last(stream)  # shared up to low, not above high
    while low < high:
        step = -(-(high - low) // HASHES_MAX)
        numbers = sorted({*range(high, low, -step)})
        theirs = await ask(stream, numbers)
        for number in numbers:
            if number not in theirs or theirs[number] != await _ours(store, stream, number):
                high = number - 1
                break
            low = number
    return Head(low, await store.hash_at(stream, low))


async def _ours(store: StoreView, stream: Stream, number: int) -> str | None:
    try:
        return (await store.hash_at(stream, number)).hex()
    except StoreError:
        return None
