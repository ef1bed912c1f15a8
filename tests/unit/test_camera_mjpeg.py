"""MJPEG over HTTP, as cameras send it: parts are found however they are cut, and the camera's password is given."""

import base64
import io
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.mjpeg import Mjpeg, NoMultipartError, StreamError, _parts

PICTURES = [b"\xff\xd8 one \xff\xd9", b"\xff\xd8 two --fra \r\n\xff\xd9", b"\xff\xd8 three \xff\xd9"]


class Pieces(io.RawIOBase):
    """Bytes that come in pieces of these sizes, from the first again after the last."""

    def __init__(self, sent: bytes, sizes: Sequence[int]) -> None:
        self._sent = io.BytesIO(sent)
        self._sizes = itertools.cycle(sizes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._sent.read(min(len(buffer), next(self._sizes)))
        buffer[: len(piece)] = piece
        return len(piece)


def part(picture: bytes, length: int | None = None) -> bytes:
    said = b"" if length is None else b"Content-Length: %d\r\n" % length
    return b"--frame\r\nContent-Type: image/jpeg\r\n" + said + b"\r\n" + picture + b"\r\n"


def stream(*, lengths: bool) -> bytes:
    return b"".join(part(picture, len(picture) if lengths else None) for picture in PICTURES) + b"--frame\r\n"


@given(st.booleans(), st.booleans(), st.lists(st.integers(1, 40), min_size=1))
def test_pictures_are_found_however_they_are_cut(lengths: bool, bare: bool, sizes: list[int]) -> None:
    """With a length or without, in any pieces; also where lines end with LF only."""
    sent = stream(lengths=lengths)
    if bare:
        sent = sent.replace(b"\r\n", b"\n").replace(b"--fra \n", b"--fra \r\n")
    assert list(_parts(io.BufferedReader(Pieces(sent, sizes)), b"frame")) == PICTURES


@pytest.mark.parametrize("empty", [part(b"", 0), part(b"", 50), part(b""), b"--frame\r\n", b"--frame\r\n\r\n", b"\r\n"])
def test_an_empty_part_is_no_picture(empty: bytes) -> None:
    """Some cameras send one while they have none, or a boundary twice."""
    one, two, three = (part(picture, len(picture)) for picture in PICTURES)
    sent = empty + one + empty + two + empty + three + empty
    assert list(_parts(io.BytesIO(sent), b"frame")) == PICTURES


SHORT, LONG = range(1, len(PICTURES[0])), [10, 11, 12, 13, 14, 20, 50, 81, 82, 200, 10**6, 10**7, 10**30]


@pytest.mark.parametrize(
    ("wrong", "end"), [(n, end) for n in SHORT for end in (b"", b"\r\n")] + [(n, b"\r\n") for n in LONG]
)
def test_a_wrong_length_costs_its_own_picture(wrong: int, end: bytes) -> None:
    """Too short, also where no line break follows, or so long that it reaches into the next parts or behind the end."""
    others = [b"\xff\xd8 number %d \xff\xd9" % number for number in range(20)]
    sent = part(PICTURES[0], wrong).removesuffix(b"\r\n") + end + b"".join(part(one, len(one)) for one in others)
    own, *seen = _parts(io.BytesIO(sent), b"frame")
    assert own[:9] == PICTURES[0][:wrong]
    assert seen == others


@pytest.mark.parametrize(
    ("sent", "again"),
    [
        (b"", b"no part\n"),
        (b"--frame\n", b"A: head without an end\n"),
        (b"--frame\n\n", b"nor a body\n"),
        (b"--frame\nContent-Length: 999999\n\n", b"no picture\n"),
    ],
)
def test_nothing_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch, sent: bytes, again: bytes) -> None:
    monkeypatch.setattr("drivers.camera.mjpeg.PART_MAX", 100)
    with pytest.raises(StreamError, match="camera_part_too_large"):
        list(_parts(io.BytesIO(sent + 100 * again), b"frame"))


class Camera(BaseHTTPRequestHandler):
    """Asks for a password; then sends pictures, or what the path says. `named` is its boundary, `written` what stands
    between the pictures."""

    named, written = '"--frame"', b"--frame"

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Basic " + base64.b64encode(b"admin:s@cret").decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        path = self.path[1:]
        kind = path if "/" in path else f"multipart/x-mixed-replace; boundary={self.named}"
        self.send_response({"none": 404, "loop": 302}.get(path, 200))
        self.send_header("Location", "/loop")
        self.send_header("Content-Type", kind)
        if path == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = stream(lengths=path != "lengthless").replace(b"--frame", self.written)
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(sent), sent) if path == "chunked" else sent)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Camera) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["video", "chunked"])
def test_the_newest_picture_of_a_camera_with_a_password(path: str) -> None:
    """And its end is told."""
    with serving() as address:
        mjpeg = Mjpeg(f"http://admin:s%40cret@{address}/{path}", 5, lambda: 7)
        seen = [mjpeg.next(5)]
        with pytest.raises(StreamError, match="camera_ended"):
            while True:
                seen.append(mjpeg.next(5))
    assert seen[-1] == (PICTURES[-1], 7)


@pytest.mark.parametrize(
    ("named", "written"),
    [
        ("frame", b"--frame"),
        ("--frame", b"--frame"),  # the dashes that come before it belong to it already
        ("--frame", b"----frame"),  # RFC 2046, section 5.1.1
        ('"--frame"', b"----frame"),
        ("frame", b" --frame"),
        ("frame", b"--frame \t"),
        ("--frame", b"\t----frame "),
        ('" frame "', b"--frame"),
        ("----=_frame", b"------=_frame"),
        ("----=_frame", b"----=_frame"),
        ("frame.+(1)", b"--frame.+(1)"),
    ],
)
@pytest.mark.parametrize("path", ["video", "lengthless"])
def test_the_boundary_as_cameras_write_it(
    monkeypatch: pytest.MonkeyPatch, path: str, named: str, written: bytes
) -> None:
    monkeypatch.setattr(Camera, "named", named)
    monkeypatch.setattr(Camera, "written", written)
    with serving() as address:
        mjpeg = Mjpeg(f"http://admin:s%40cret@{address}/{path}", 5, lambda: 7)
        seen = []
        with pytest.raises(StreamError, match="camera_ended"):
            while True:
                seen.append(mjpeg.next(5))
    assert seen[-1:] == [(PICTURES[-1], 7)]


def test_what_is_refused_or_is_no_stream() -> None:
    """The error names no address and no password."""
    with serving() as address:
        with pytest.raises(StreamError, match="camera_password") as caught:
            Mjpeg(f"http://admin:wrong@{address}/video", 5, lambda: 0)
        assert caught.value.params == {"status": "401"}
        for kind, code in {
            "text/html": "camera_no_stream",
            "image/jpeg": "camera_still",
            "video/x-flv": "camera_no_stream",
        }.items():
            with pytest.raises(StreamError, match=code) as caught:
                Mjpeg(f"http://admin:s%40cret@{address}/{kind}", 5, lambda: 0)
            assert isinstance(caught.value, NoMultipartError) == kind.startswith("video")
        for path, code in {"none": "camera_path", "loop": "camera_redirects"}.items():
            with pytest.raises(StreamError, match=code):
                Mjpeg(f"http://admin:s%40cret@{address}/{path}", 5, lambda: 0)
