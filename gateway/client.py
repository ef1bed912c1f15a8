"""The command line's end of the control socket."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.datadir import socket_address
from model.errors import DoorpostError


class DaemonAbsent(DoorpostError):
    """Nobody answers on the socket of a data directory."""


def ask(data: Path, op: str, **params: object) -> Iterator[Any]:
    """The data of each answer line as it comes.

    Raises DaemonAbsent, and DoorpostError with the daemon's own code for a request that it refuses.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with socket_address(data) as address:
                connection.connect(address)
        except PermissionError as err:
            raise DaemonAbsent("daemon_denied", data=data) from err
        except OSError as err:
            raise DaemonAbsent("daemon_absent", data=data) from err
        connection.sendall(json.dumps({"op": op, **params}).encode() + b"\n")
        with connection.makefile("rb") as answer:
            for line in answer:
                message = json.loads(line)
                if "end" in message:
                    return
                if "error" in message:
                    raise DoorpostError(message["error"]["code"], **message["error"]["params"])
                yield message["data"]
    raise DoorpostError("daemon_gone", data=data)
