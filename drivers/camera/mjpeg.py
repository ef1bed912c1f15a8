"""MJPEG over HTTP (multipart/x-mixed-replace): the newest picture's bytes, unpacked by nobody. Runs in the child only."""

import io
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

PART_MAX = 8 << 20
"""Bytes of one picture."""
PIECE = 64 << 10
"""Bytes that are looked at as one."""
_LENGTH = re.compile(rb"^[ \t]*content-length[ \t]*:[ \t]*(\d{1,9})[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_ANSWERS = {401: "camera_password", 403: "camera_password", 404: "camera_path"} | dict.fromkeys(
    (301, 302, 303, 307, 308), "camera_redirects"
)
"""HTTP status -> error."""


class StreamError(Exception):
    """No stream, or its end: the code of an error and what it says, without the address, which may hold a password."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class NoMultipartError(StreamError):
    """The server sends something else."""


class Mjpeg:
    """An open stream. A thread of its own reads all the time, so that the picture is always the newest.

    Raises StreamError.
    """

    def __init__(self, url: str, timeout_s: float, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._timeout_s = timeout_s
        try:
            self._response = _opener(url).open(_bare(url), timeout=timeout_s)
        except (OSError, HTTPException, ValueError) as err:
            if isinstance(err, urllib.error.HTTPError):
                err.close()
            raise _refused(err, timeout_s) from err
        kind = self._response.headers
        if kind.get_content_maintype() != "multipart":
            self._response.close()
            raise _no_stream(kind.get_content_type())
        self._boundary = str(kind.get_param("boundary", "")).strip('" ').encode("latin-1", "replace")
        self._fresh = threading.Condition()
        self._newest: tuple[bytes, int] | None = None
        self._end: StreamError | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, silence_s: float) -> tuple[bytes, int]:
        """A picture that was not given yet, and when it came. Raises StreamError."""
        with self._fresh:
            if not self._fresh.wait_for(lambda: self._newest or self._end, silence_s):
                raise StreamError("camera_silent", seconds=f"{silence_s:g}")
            if self._newest is None:
                assert self._end
                raise self._end
            newest, self._newest = self._newest, None
        return newest

    def _read(self) -> None:
        try:
            for part in _parts(self._response, self._boundary):
                self._put(part)
            end = StreamError("camera_ended")
        except StreamError as err:
            end = err
        except (OSError, HTTPException, ValueError) as err:
            end = _refused(err, self._timeout_s)
        self._response.close()
        with self._fresh:
            self._end = end
            self._fresh.notify()

    def _put(self, part: bytes) -> None:
        with self._fresh:
            self._newest = (part, self._now_us())
            self._fresh.notify()


class _Incoming:
    """A stream to which what was read too much is given back."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._back = io.BytesIO()

    def line(self) -> bytes:
        """Its first PIECE bytes where it is longer. Raises EOFError."""
        line = self._back.readline(PIECE)
        if not line.endswith(b"\n") and len(line) < PIECE:
            line += self._stream.readline(PIECE - len(line))
        if not line:
            raise EOFError
        return line

    def some(self, most: int) -> bytes:
        """What has come. Raises EOFError."""
        if not (some := self._back.read(most) or self._stream.read1(most)):
            raise EOFError
        return some

    def back(self, data: bytes) -> None:
        self._back = io.BytesIO(data + self._back.read())


def _parts(stream: io.BufferedIOBase, boundary: bytes) -> Iterator[bytes]:
    """The bodies of its parts, each as soon as it is whole, until the stream ends; none that is empty. Raises StreamError.

    Between them stand dashes and the boundary; whether the dashes belong to the boundary, cameras do not agree.
    """
    between = re.compile(rb"[ \t]*--+" + re.escape(boundary.lstrip(b"-")))
    incoming = _Incoming(stream)
    try:
        _until(incoming, between.match)
        while True:
            # some cameras leave out the CR
            head = _until(incoming, lambda line: line in (b"\r\n", b"\n"))
            if length := _length(head):
                if body := _body(incoming, length, between):
                    yield body
                # in the body's last line too; behind a length that was too short there may be no line break
                _until(incoming, between.search)
            elif body := _until(incoming, between.match).removesuffix(b"\n").removesuffix(b"\r"):
                yield body
    except EOFError:
        return


def _until(incoming: _Incoming, last: Callable[[bytes], object]) -> bytes:
    """What comes before the line that is the last one. Raises StreamError, EOFError."""
    held = bytearray()
    while not last(line := incoming.line()):
        held += line
        if len(held) > PART_MAX:
            raise StreamError("camera_part_too_large", megabytes=str(PART_MAX >> 20))
    return bytes(held)


def _body(incoming: _Incoming, length: int, between: re.Pattern[bytes]) -> bytes:
    """As many bytes, or what comes before the next part where the length reaches into it. Raises EOFError."""
    following = re.compile(rb"\n" + between.pattern)
    held, seen = bytearray(), 0
    while len(held) < length:
        held += incoming.some(min(PIECE, length - len(held)))
        if found := following.search(held, seen):
            incoming.back(bytes(held[found.start() :]))
            return bytes(held[: found.start()]).removesuffix(b"\r")
        seen = max(0, held.rfind(b"\n"))
    incoming.back(bytes(held[seen:]))  # it may end in the middle of what is between the parts
    return bytes(held)


def _length(head: bytes) -> int:
    """What a part says of its length; 0 where it says none, or none that may be true."""
    said = _LENGTH.search(head)
    length = int(said[1]) if said else 0
    return length if length <= PART_MAX else 0


class _Closing:
    """Closes the answer that has asked for the password, once it was given: urllib leaves it open."""

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        again: Any = super()
        try:
            answer = again.http_error_401(req, fp, code, msg, headers)
        except OSError:
            fp.close()
            raise
        if answer is not None:
            fp.close()
        return answer


class _Basic(_Closing, urllib.request.HTTPBasicAuthHandler):
    pass


class _Digest(_Closing, urllib.request.HTTPDigestAuthHandler):
    pass


def _opener(url: str) -> urllib.request.OpenerDirector:
    """With the address' user and password, as Basic or Digest, whichever the camera asks for; a camera has no proxy."""
    handlers: list[Any] = [urllib.request.ProxyHandler({})]
    parts = urlsplit(url)
    if parts.username is not None:
        words = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        words.add_password(None, _bare(url), unquote(parts.username), unquote(parts.password or ""))
        handlers += [_Digest(words), _Basic(words)]
    return urllib.request.build_opener(*handlers)


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _refused(err: Exception, timeout_s: float) -> StreamError:
    if isinstance(err, urllib.error.HTTPError):
        code = _ANSWERS.get(err.code, "camera_refuses")
        return StreamError(code, status=str(err.code))
    reason = err.reason if isinstance(err, urllib.error.URLError) else err
    if isinstance(reason, TimeoutError):
        return StreamError("camera_silent", seconds=f"{timeout_s:g}")
    return StreamError("camera_gone", why=getattr(reason, "strerror", None) or str(reason) or type(err).__name__)


def _no_stream(kind: str) -> StreamError:
    """What another content type means; NoMultipartError where it may be a stream all the same."""
    if kind.startswith("image/"):
        return StreamError("camera_still")
    return (
        StreamError("camera_no_stream", kind=kind)
        if kind.startswith("text/")
        else NoMultipartError("camera_no_stream", kind=kind)
    )
