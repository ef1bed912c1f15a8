"""Where a record was before: one of a sealed store that was appended again in another ends with its `was`, once for each move."""

import re
from typing import NamedTuple

_WAS = re.compile(rb'"was":\["([0-9a-f-]{36})",(\d{1,15}),"([0-9a-f]{64})"\]')


class Was(NamedTuple):
    """Number `seq` of the store, with the hash (hex) that it had there."""

    store: str
    seq: int
    hash: str


def moves(body: bytes) -> list[Was]:
    """From the first store on. What a text in the body says is quoted there, and is none."""
    return [Was(store.decode(), int(seq), hash_.decode()) for store, seq, hash_ in _WAS.findall(body)]


def origin(store: str, body: bytes) -> str:
    """The store that a record speaks of where it says "this store": the one that it was written for."""
    found = moves(body)
    return found[0].store if found else store
