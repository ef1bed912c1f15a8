"""A program on a real terminal of some width."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path


def on_terminal(module: str, *args: str | Path, columns: int) -> str:
    """What `python -m MODULE` shows there, without colours."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, columns))
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    said = b""
    with subprocess.Popen([sys.executable, "-m", module, *args], stdin=slave, stdout=slave, stderr=slave, env=env):
        os.close(slave)
        try:
            while more := os.read(master, 1 << 16):
                said += more
        except OSError:  # nobody has the other end open any more
            pass
    os.close(master)
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode())
