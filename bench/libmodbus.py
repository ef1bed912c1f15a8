"""libmodbus.c as a program: what is not ours, and in C."""

import hashlib
import socket
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("libmodbus.c")
CACHE = Path(__file__).parents[1] / ".cache"


def program() -> Path:
    """Compiled, from the cache where its source has not changed. Needs Debian's gcc and libmodbus-dev."""
    made = CACHE / f"libmodbus-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}"
    if not made.exists():
        CACHE.mkdir(exist_ok=True)
        scratch = made.with_suffix(".new")
        subprocess.run(["cc", "-O2", "-Wall", "-o", scratch, SOURCE, "-lmodbus"], check=True)
        scratch.replace(made)
    return made


def free_port() -> int:
    """A TCP port of this machine that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
