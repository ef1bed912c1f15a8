"""What the parent and the decoder child say to each other: one JSON line per message, over plain pipes."""

import msgspec

Point = tuple[int, int]
Region = tuple[float, float, float, float]
"""x, y, width and height: of the picture where all are at most 1, else in pixels."""


class Watch(msgspec.Struct, tag="watch"):
    """The only line that the child of a camera reads: on standard input, for an address may hold a password.

    `silence_s`: a source that gives no picture for so long is gone. `skip`: marks of pictures at which a decoder died or
    hung.
    """

    source: str
    silence_s: float
    fps: float
    formats: tuple[str, ...]
    roi: Region | None
    motion: bool
    heartbeat_s: float
    confirm: tuple[int, int]
    left_us: int
    keep_frames: bool
    skip: list[str]


class Decode(msgspec.Struct, tag="decode"):
    """The only line that the child of `doorpost decode` reads; it answers each path with a `Symbols` or a `Bad`."""

    paths: list[bytes]


Task = Watch | Decode
task_decoder: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)


class Ready(msgspec.Struct, tag="ready"):
    """The libraries are loaded: from here on the deadline holds."""


class Code(msgspec.Struct):
    """One symbol: its bytes as transmitted, its AIM identifier ("]Q1"), text and format, its four corners in pixels.

    `aim` is None where a reader did not tell it. `text` is None where the bytes are not UTF-8 and the symbol names no
    charset; `guess` is then what zxing-cpp takes them for. `charset` is the one that the symbol names, as Python calls it.
    `margin` is the part of the symbol's error correction that was not needed, 0 where it has none. `frame` is the number
    of the picture in its file.
    """

    data: bytes
    aim: str | None
    text: str | None
    format: str
    position: list[Point]
    margin: float = 0.0
    charset: str | None = None
    guess: str | None = None
    frame: int = 1


class Attempt(msgspec.Struct, tag="attempt"):
    """A picture is about to be decoded: whatever happens to the child now, this one did it."""

    mark: str


class Picture(msgspec.Struct, tag="picture"):
    """One picture that was looked at.

    `at_us` is when it came (CLOCK_BOOTTIME), `same_s` for how long the source has said the very same bytes. `brightness`
    is the mean and `contrast` the standard deviation of its grey values, 0 to 255. `codes` are those confirmed in it, None
    where it was not decoded; `frame` is it as a JPEG file, where one of them came into view.
    `written_us` is when a picture file was written, by the wall clock.
    """

    at_us: int
    same_s: float
    brightness: float
    contrast: float
    codes: list[Code] | None
    frame: bytes | None = None
    written_us: int | None = None


class Bad(msgspec.Struct, tag="bad"):
    """A picture that cannot be read: the code of an error and what it says, without the name of the source."""

    code: str
    params: dict[str, str] = {}


class Symbols(msgspec.Struct, tag="symbols"):
    """All that was found in a file; `more`: it has more pictures than were looked at."""

    codes: list[Code]
    more: bool = False


class Problem(msgspec.Struct, tag="problem"):
    """The child's last word: the code of an error and what it says, without the name of the source."""

    code: str
    params: dict[str, str] = {}


Line = Ready | Attempt | Picture | Bad | Symbols | Problem
decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
FRAME_MAX = 200_000
"""Bytes of a kept JPEG."""
LINE_MAX = 8 << 20
"""Bytes: 255 symbols, which is all that zxing-cpp gives for one picture, of 7,089 bytes each still fit."""
