"""How a simulator runs and is steered.

It prints one JSON line with its endpoint when it is ready. Each line on its standard input is a command
`{"do": ..., ...}`; it answers each with one JSON line on standard output: `{"ok": true}` or `{"ok": false, "why": ...}`.
It ends on SIGTERM; the end of standard input does not end it.
"""

import asyncio
import functools
import inspect
import json
import os
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from firmware_sim.wire import Unusable

Command = Callable[..., Awaitable[None] | None]
Commands = dict[str, Command]
"""What `{"do": NAME, **arguments}` on standard input calls."""

AnyCommand = TypeVar("AnyCommand", bound=Command)


def command(method: AnyCommand) -> AnyCommand:
    """Marks a method that standard input calls by its name. The first line of its docstring is its help."""
    method.__dict__["command"] = True
    return method


def commands(owner: object) -> Commands:
    """The marked methods of an object, or of a class for `described`."""
    found = {name: getattr(owner, name) for name in dir(owner)}
    return {name: method for name, method in found.items() if hasattr(method, "command")}


def described(owner: type) -> dict[str, tuple[str, str]]:
    """Each command of a class with its arguments, those in brackets optional, and what it does."""
    lines = {}
    for name, method in commands(owner).items():
        _self, *parameters = inspect.signature(method).parameters.values()
        lines[name] = " ".join(map(_argument, parameters)), (inspect.getdoc(method) or "").partition("\n")[0]
    return lines


def _argument(parameter: inspect.Parameter) -> str:
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return f"{parameter.name}..."
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    return f"[{parameter.name}]" if parameter.default is None else f"[{parameter.name}={parameter.default}]"


async def serve(ready: dict[str, Any], commands: Commands, *work: Awaitable[Any]) -> None:
    """Print `ready`, run `work`, obey standard input; return on SIGTERM or SIGINT. A crash of `work` is raised."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    print(json.dumps(ready), flush=True)
    tasks = [asyncio.ensure_future(w) for w in work]
    tasks.append(asyncio.ensure_future(_obey(commands)))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in [stopping, *tasks]:
        task.cancel()
    results = await asyncio.gather(stopping, *tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _commanded() -> bool:
    """Whether somebody can give commands: standard input is a pipe, a socket or a terminal."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, ValueError, OSError):  # it is closed
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(sys.stdin.fileno())


async def _obey(commands: Commands) -> None:
    if not _commanded():
        await asyncio.Event().wait()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            result = _called(commands, line)()
            if result is not None:
                await result
            answer: dict[str, Any] = {"ok": True}
        except (ValueError, Unusable) as err:
            answer = {"ok": False, "why": str(err), "commands": sorted(commands)}
        except (KeyError, TypeError, AttributeError) as err:
            why = f"an argument is of the wrong kind ({type(err).__name__}: {err})"
            answer = {"ok": False, "why": why, "commands": sorted(commands)}
        print(json.dumps(answer), flush=True)
    await asyncio.Event().wait()


def _called(commands: Commands, line: bytes) -> Callable[[], Awaitable[None] | None]:
    """What the line asks for. Raises Unusable for what is no command, or not with these arguments."""
    try:
        asked = json.loads(line)
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or not isinstance(asked.get("do"), str):
        raise Unusable('a command is one line of JSON, {"do": NAME, ...}')
    name = asked.pop("do")
    if name not in commands:
        raise Unusable(f"there is no command {name}; there are: {', '.join(sorted(commands))}")
    signature = inspect.signature(commands[name])
    try:
        signature.bind(**asked)
    except TypeError as err:
        takes = " ".join(map(_argument, signature.parameters.values()))
        raise Unusable(f"{name} takes {takes or 'nothing'}, not {' '.join(asked) or 'nothing'}") from err
    return functools.partial(commands[name], **asked)
