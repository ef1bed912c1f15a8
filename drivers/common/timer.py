"""A timer to the microsecond. The event loop's own waits are rounded up to whole milliseconds, which is as long as a
frame takes on a fast line (and Python has `os.timerfd_create` from 3.13 on only).
"""

import asyncio
import ctypes
import os
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Spec(ctypes.Structure):
    """`struct itimerspec`: interval and first expiry, seconds and nanoseconds each."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


class FineTimer:
    """Calls `due` once after each `start`, in the event loop; the newest start counts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._spec = _Spec()
        self._fd = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        loop.add_reader(self._fd, self._fired)

    def start(self, seconds: float) -> None:
        """A nanosecond at least: nothing would stop it."""
        self._spec.first_s, self._spec.first_ns = divmod(max(1, round(seconds * 1e9)), 1_000_000_000)
        _libc.timerfd_settime(self._fd, 0, ctypes.byref(self._spec), None)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _fired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # it was started anew meanwhile
            return
        self._due()
