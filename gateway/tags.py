"""The memory of a tag at a reader of ours: words read, or written and read back."""

import asyncio
from typing import Annotated, Any

import msgspec

from gateway.supervisor import Supervised
from model.errors import PermanentError, TransientError
from model.ports import Bank, TagAccess, TagWords

WORDS_MAX = 32
"""As many as all readers take at once."""
_TID_WORDS = (6, 4, 2)
"""All of it with a serial number of the usual length: a longer TID is cut there, and other chips have less.

Less is asked for where a tag answers overrun. Whether each reader tells that so is unknown: an M100 that says "read fail"
(09) ends as `rfid_tag_lost`, as a tag that went away does.
"""
_ONLINE_S = 10.0
_DONE_S = 20.0

_Hex = Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{4})+$", max_length=4 * WORDS_MAX)]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` words from `pointer` on, or `data` (hex) to be written there, of the tag `epc` or the only one.

    Without `count` one word, of the TID from its beginning up to six.
    """

    bank: Bank
    pointer: Annotated[int, msgspec.Meta(ge=0, le=255)]
    count: Annotated[int, msgspec.Meta(ge=1, le=WORDS_MAX)] | None = None
    data: _Hex | None = None
    password: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{8}$")] = "0" * 8
    epc: _Hex | None = None


async def access(device: Supervised, words: Words) -> dict[str, Any]:
    """`epc` and `data` (hex) of what was read, after a write too. Raises PermanentError `tag_access_absent`, TransientError."""
    driver = device.driver
    if not isinstance(driver, TagAccess):
        raise PermanentError("tag_access_absent", device=device.device)
    try:
        async with asyncio.timeout(_ONLINE_S):
            await device.online.wait()
    except TimeoutError as err:
        raise TransientError("rfid_reader_away", device=device.device) from err
    password, epc = bytes.fromhex(words.password), words.epc and words.epc.upper()
    try:
        async with asyncio.timeout(_DONE_S):
            if words.data is None:
                done = await _read(driver, words, password, epc)
            else:
                done = await driver.write_bank(words.bank, words.pointer, bytes.fromhex(words.data), password, epc)
    except TimeoutError as err:
        raise TransientError("tag_timeout", device=device.device, seconds=f"{_DONE_S:g}") from err
    return {"epc": done.epc, "data": done.data.hex().upper()}


async def _read(driver: TagAccess, words: Words, password: bytes, epc: str | None) -> TagWords:
    whole = words.bank is Bank.TID and words.pointer == 0
    *more, least = (words.count,) if words.count else _TID_WORDS if whole else (1,)
    for count in more:
        try:
            return await driver.read_bank(words.bank, words.pointer, count, password, epc)
        except TransientError as err:
            if err.code != "rfid_tag_overrun":
                raise
    return await driver.read_bank(words.bank, words.pointer, least, password, epc)
