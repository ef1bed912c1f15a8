"""What driver and decoder child say to each other: one JSON line each way per message, over plain pipes."""

import msgspec


class Task(msgspec.Struct):
    """The only line that the child reads: on standard input, for an address may hold a password."""

    source: str
    fps: float
    formats: tuple[str, ...]


class Ready(msgspec.Struct, tag="ready"):
    """The libraries are loaded: from here on the deadline holds."""


class Code(msgspec.Struct):
    """One symbol: its bytes as transmitted, its AIM identifier ("]Q1") and its four corners in pixels."""

    data: bytes
    symbology: str
    position: list[tuple[int, int]]


class Picture(msgspec.Struct, tag="picture"):
    """One decoded picture.

    `age_us`: from its arrival to the writing of this line. `brightness` is the mean and `contrast` the standard
    deviation of its grey values, 0 to 255.
    """

    age_us: int
    brightness: float
    contrast: float
    codes: list[Code]


class Problem(msgspec.Struct, tag="problem"):
    """The child's last word. `code` is an error code of the driver."""

    code: str
    why: str


Line = Ready | Picture | Problem
decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
LINE_MAX = 4 << 20
"""Bytes: 255 symbols, which is all that zxing-cpp gives for one picture, of 7,089 bytes each still fit."""
