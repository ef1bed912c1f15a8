"""Which tag is meant, what a write may believe, and who waits for whom: on tags in memory."""

import asyncio
from collections.abc import Iterator

import pytest

from drivers.rfid.access import Place, Requests, TagError, gen2_error, read, write
from model.errors import TransientError
from model.ports import Bank, TagWords

USER = Place(Bank.USER, 1, bytes(4))
EPC = Place(Bank.EPC, 2, bytes(4))


class Air:
    """Tags with a user bank of four words; what is written arrives changed where `mangles`."""

    def __init__(self, *epcs: str, mangles: bool = False) -> None:
        self.user = {epc: bytearray(8) for epc in epcs}
        self.tids = {epc: b"\xe2" + bytes((n,)) * 11 for n, epc in enumerate(epcs)}
        self.mangles = mangles
        self.leaves = ""
        self.comes = ""

    async def tags(self) -> set[str]:
        return set(self.user)

    async def read(self, epc: str, place: Place, count: int) -> bytes:
        bank = {Bank.EPC: bytes(4) + bytes.fromhex(epc), Bank.TID: self.tids[epc], Bank.USER: bytes(self.user[epc])}[
            place.bank
        ]
        if len(bank) < 2 * (place.pointer + count):
            raise gen2_error(3, epc)
        return bank[2 * place.pointer : 2 * (place.pointer + count)]

    async def write(self, epc: str, place: Place, data: bytes) -> None:
        data = bytes(len(data)) if self.mangles else data
        if place.bank is Bank.EPC:
            old = self.user.pop(epc)
            if epc != self.leaves:
                new = (data + bytes.fromhex(epc)[len(data) :]).hex().upper()
                self.user[new], self.tids[new] = old, self.tids.pop(epc)
            if self.comes:
                self.user[self.comes], self.tids[self.comes] = bytearray(8), b"\xe2" + bytes(10) + b"\x99"
        else:
            self.user[epc][2 * place.pointer : 2 * place.pointer + len(data)] = data


async def test_the_only_tag_or_the_one_that_is_named() -> None:
    """None, several, and one that is not there are refused by name; nothing is written then."""
    for air, epc, code in [
        (Air(), None, "rfid_no_tag"),
        (Air("AAAA", "BBBB"), None, "rfid_several_tags"),
        (Air("AAAA"), "BBBB", "rfid_tag_absent"),
        (Air(), "BBBB", "rfid_tag_absent"),
    ]:
        with pytest.raises(TagError, match=code):
            await write(air, USER, b"\x12\x34", epc)
        assert not any(any(user) for user in air.user.values())
    air = Air("AAAA", "BBBB")
    assert await write(air, USER, b"\x12\x34", "BBBB") == TagWords("BBBB", b"\x12\x34")
    assert await read(air, USER, 1, "BBBB") == TagWords("BBBB", b"\x12\x34")
    assert await read(Air("AAAA"), USER, 2, None) == TagWords("AAAA", bytes(4))


async def test_a_write_that_did_not_arrive() -> None:
    """What is read back is not what was written: that is told, whatever the reader said."""
    with pytest.raises(TagError, match="rfid_unverified"):
        await write(Air("AAAA", mangles=True), USER, b"\x12\x34", None)


async def test_a_tag_with_a_new_name() -> None:
    """After a write to its EPC the tag is looked for again; where it cannot be told which it is, nothing is claimed."""
    assert await write(Air("AAAA", "BBBB"), EPC, b"\xcc\xcc", "AAAA") == TagWords("CCCC", b"\xcc\xcc")
    assert await write(Air("AAAA"), EPC, b"\xaa\xaa", None) == TagWords("AAAA", b"\xaa\xaa")
    with pytest.raises(TagError, match="rfid_unverified"):
        await write(Air("AAAA", "BBBB"), EPC, b"\xbb\xbb", "AAAA")  # there are two of one name now
    gone = Air("AAAA", "BBBB")
    gone.leaves = "AAAA"
    with pytest.raises(TagError, match="rfid_unverified"):
        await write(gone, EPC, b"\xcc\xcc", "AAAA")


async def test_another_tag_with_the_new_name() -> None:
    """It comes as the one that was meant goes: only the TID tells, and where there is none with a serial, nothing does."""
    other = Air("AAAA")
    other.leaves, other.comes = "AAAA", "CCCC"
    with pytest.raises(TagError, match="rfid_unproven epc=CCCC"):
        await write(other, EPC, b"\xcc\xcc", "AAAA")
    for tid in (bytes(12), b"\xe2\x80\x11\x05"):
        plain = Air("AAAA")
        plain.tids["AAAA"] = tid
        with pytest.raises(TagError, match="rfid_unproven epc=CCCC"):
            await write(plain, EPC, b"\xcc\xcc", "AAAA")


async def test_a_tag_without_an_epc_is_never_meant() -> None:
    """Nothing tells it from others."""
    with pytest.raises(TagError, match="rfid_epc_empty"):
        await read(Air("AAAA"), USER, 1, "")


def test_errors_of_tags() -> None:
    """Gen2's own codes have words."""
    codes = [gen2_error(code, "AAAA").code for code in (3, 4, 11, 15, 0)]
    assert codes == ["rfid_tag_overrun", "rfid_tag_locked", "rfid_tag_weak", "rfid_tag_refused", "rfid_tag_refused"]


@pytest.fixture
def requests() -> Iterator[Requests]:
    one = Requests("gate")
    with one.opened():
        yield one


async def asked(requests: Requests, epc: str | None = None) -> "asyncio.Task[TagWords]":
    task = asyncio.create_task(requests.read_bank(Bank.USER, 0, 1, bytes(4), epc))
    await asyncio.sleep(0)
    assert requests
    return task


async def test_who_asks_is_served_by_the_driver(requests: Requests) -> None:
    """A tag's refusal is told to who asked and to nobody else; who has given up is passed over."""
    one, two, three = await asked(requests), await asked(requests, "BBBB"), await asked(requests)
    three.cancel()
    await asyncio.sleep(0)
    await requests.serve(Air("AAAA"))
    assert (await one).epc == "AAAA"
    with pytest.raises(TagError, match="rfid_tag_absent"):
        await two
    assert three.cancelled()
    assert not requests


async def test_a_reader_that_goes_away(requests: Requests) -> None:
    """An error of the line ends the driver's run too; all who wait are told, and who comes later at once."""

    class Broken(Air):
        async def tags(self) -> set[str]:
            raise TransientError("device_silent", port="/dev/x")

    one = await asked(requests)
    with pytest.raises(TransientError, match="device_silent"):
        await requests.serve(Broken())
    with pytest.raises(TransientError, match="device_silent"):
        await one
    later = Requests("gate")
    with later.opened():
        waits = await asked(later)
    with pytest.raises(TransientError, match="rfid_reader_away"):
        await waits
    with pytest.raises(TransientError, match="rfid_reader_away"):
        await later.read_bank(Bank.USER, 0, 1, bytes(4), None)
