"""A gateway with a few devices and no centre, as its own process, and the command line beside it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.client import DaemonAbsent, ask
from support.context import until

_ENV = {name: value for name, value in os.environ.items() if name not in {"DOORPOST_DATA", "LC_ALL", "LC_MESSAGES"}}
_ENV |= {"DOORPOST_LANG": "en", "TZ": "UTC"}


def settings(folder: Path, *tables: tuple[str, dict[str, Any]]) -> Path:
    """`folder`/site.toml with these `[[bus]]` and `[[device]]` tables."""
    lines = ["schema = 1", '[gateway]\nid = "gw-1"', '[web]\nlisten = "127.0.0.1:0"']
    for kind, fields in tables:
        lines.append(f"[[{kind}]]")
        lines += [f"{name} = {value!r}" for name, value in fields.items()]
    path = folder / "site.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


async def start(*args: str | Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *map(str, args), env=_ENV, stdout=PIPE, stderr=PIPE
    )


async def doorpost(*args: str | Path) -> tuple[int | None, str, str]:
    """Exit code, standard output, standard error."""
    process = await start(*args)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def gateway(config: Path, data: Path, health: str = "online") -> AsyncIterator[int]:
    """Runs inside the block, from when all its devices and buses have that health; its process."""
    with open(data.with_suffix(".log"), "wb") as log:  # noqa: ASYNC230
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "run", "--config", config, "--data", data), env=_ENV, stderr=log
        )

    def there() -> bool:
        try:
            (snapshot,) = ask(data, "snapshot")
        except (DaemonAbsent, OSError):
            return False
        return all(device["health"] == health for device in snapshot["devices"])

    try:
        await until(there)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
