"""The status page of a cold room in memory, as a process: `python tests/support/page_server.py [HOST:PORT]`.

Prints a JSON line with the address and whether the web server was already loaded when the port was open.
"""

import asyncio
import contextlib
import json
import signal
import sys

from gateway.web.listen import WebServer
from support.cold_room import ColdRoom


def announce(url: str) -> None:
    print(json.dumps({"url": url, "loaded": "starlette" in sys.modules or "uvicorn" in sys.modules}), flush=True)


async def main() -> None:
    listen = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8321"
    page = asyncio.ensure_future(WebServer(ColdRoom(), listen, "zh-CN", announce).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, page.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await page
    print(json.dumps({"ended": True}), flush=True)


asyncio.run(main())
