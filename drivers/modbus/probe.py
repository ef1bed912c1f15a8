"""One device asked at once, beside its polls: does it answer, is it the right one, what does it say?"""

import asyncio
from collections.abc import Awaitable, Callable

from drivers.common.contact import Contacts
from drivers.modbus.decode import decoder
from drivers.modbus.identity import OtherDevice, prove
from drivers.modbus.pdu import Request, SlaveRefused
from drivers.modbus.plan import plan
from model.observation import PointMap, Poll
from model.ports import Probed
from model.time import Clock


async def probe(
    profile: str,
    points: PointMap,
    slave: int,
    contacts: Contacts,
    clock: Clock,
    request: Callable[[Request], Awaitable[bytes]],
) -> Probed:
    """Raises what `request` raises, but a refusal: that is an answer, though not one of the right device."""
    how = plan(profile)
    loop = asyncio.get_running_loop()
    took: list[float] = []

    async def ask(one: Request) -> bytes:
        began = loop.time()
        try:
            return await request(one)
        finally:
            took.append(loop.time() - began)

    try:
        doubt = await prove(slave, how, ask)
        values, quality = decoder(profile).values([await ask(one) for one in how.requests])
    except (OtherDevice, SlaveRefused) as err:
        return Probed(took[0], None, bool(how.expected), err)
    values, quality = contacts.step(values, quality, clock.mono())
    return Probed(took[0], Poll(points.device, points, values, clock.now(), quality), bool(how.expected), doubt)
