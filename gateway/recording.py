"""What goes over the line of a device, as the lines of a file that `doorpost sim replay` plays."""

from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from drivers.common.tap import listen
from gateway.supervisor import Supervised
from model.errors import PermanentError
from model.ports import CodeReading, Identifying

FORMAT = 1


async def record(device: Supervised, seconds: float | None) -> AsyncIterator[dict[str, Any]]:
    """The header, then each stretch of bytes; of a device on a bus, all that goes over the bus.

    Ends after `seconds`, else when closed. Raises PermanentError `device_has_no_line`, and what `listen` raises.
    """
    line = device.line
    types = isinstance(device.driver, CodeReading) and device.driver.carrier == "keys"
    if types or not hasattr(line.config, "port"):
        raise PermanentError("device_has_no_line", device=device.device)
    async for heard in listen(line.taps, seconds):
        if heard is None:
            yield {
                "doorpost_recording": FORMAT,
                "version": version("doorpost"),
                "began": device.clock.now().t,
                # values are no secret; what somebody scans or carries may be
                "personal": device.points is None or isinstance(device.driver, Identifying),
                "device": device.config.model_dump(mode="json"),
                "line": line.config.model_dump(mode="json"),
            }
        else:
            yield {"us": heard.us, "to": heard.to, "hex": heard.data.hex(" ")}
