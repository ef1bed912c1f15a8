"""An alarm that the journal does not take goes past it, straight to the desk, which merges what comes by the alarm's id."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.rules.base import Say
from model.bodies import AlarmBody
from model.errors import LinkError
from model.time import Stamp

RETRY_S = 5.0
AGAIN_S = 60.0
AGAIN_MAX_S = 3600.0

log = logging.getLogger("doorpost.urgent")

OnUrgent = Callable[[str, AlarmBody, Stamp], Coroutine[Any, Any, None]]
"""Sends an alarm (kind, body, time) that is not durable yet. Raises LinkError."""


async def send_urgent(on_urgent: OnUrgent, say: Say, at: Stamp, durable: "asyncio.Future[Any]") -> None:
    """Again and again until the journal has it: that the broker took it does not say that the desk has it. With longer and
    longer pauses: a disk may be dead for weeks, and there may be many.
    """
    again, told = AGAIN_S, False
    while not durable.done():
        try:
            await on_urgent(say.kind, say.body, at)
            pause, again = again, min(2 * again, AGAIN_MAX_S)
        except LinkError as err:
            if not told:
                log.warning("urgent %s of alarm %s not sent: %s", say.kind, say.body.alarm, err)
            pause, told = RETRY_S, True
        await asyncio.wait({durable}, timeout=pause)
