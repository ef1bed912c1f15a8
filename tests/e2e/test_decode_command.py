"""`doorpost decode` as a process of its own, on pictures that zint and segno have drawn."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import segno

from bench.symbols import KINDS
from drivers.camera.effort import all_looks, plain
from support.camera import bomb, qr

ENVIRONMENT = os.environ | {"DOORPOST_LANG": "en"}


def decode(*images: Path | str) -> tuple[int, list[dict[str, Any]]]:
    """Its exit code and the document of each file."""
    command = [sys.executable, "-m", "gateway.cli", "decode", *map(str, images)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50, env=ENVIRONMENT)
    assert run.stderr == ""
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]


def zint(path: Path, *options: str) -> Path:
    margins = ("--vwhitesp", "4", "-w", "12")
    subprocess.run(["zint", "-o", str(path), "--scale", "2", *margins, *options], check=True, capture_output=True)
    return path


def test_what_each_symbol_says(tmp_path: Path) -> None:
    """Text, bytes, AIM identifier and format, of plain, GS1, binary and other alphabets' symbols."""
    files = {
        zint(tmp_path / "gs1.png", "-b", "GS1_128", "-d", "[01]09501101530010[10]AB[21]X"): (
            "010950110153001010AB\x1d21X", b"010950110153001010AB\x1d21X", "]C1", "Code 128"),
        zint(tmp_path / "dm.png", "-b", "DATAMATRIX", "--gs1", "-d", "[01]09501101530010[10]AB[21]X"): (
            "010950110153001010AB\x1d21X", b"010950110153001010AB\x1d21X", "]d2", "Data Matrix"),
        zint(tmp_path / "eci.png", "-b", "QRCODE", "--eci=29", "-d", "冷藏"): (
            "冷藏", "冷藏".encode("gbk"), "]Q1", "QR Code"),
        zint(tmp_path / "bin.png", "-b", "DATAMATRIX", "--binary", "--esc", "-d", "\\xff\\x00\\x1d"): (
            "ÿ\x00\x1d", b"\xff\x00\x1d", "]d1", "Data Matrix"),
        zint(tmp_path / "upca.png", "-b", "UPCA", "-d", "01234567890"): (
            "0012345678905", b"0012345678905", "]E0", "EAN-13"),
        zint(tmp_path / "upce.png", "-b", "UPCE", "-d", "0123456"): (
            "0012345000065", b"0012345000065", "]E0", "UPC-E"),
        zint(tmp_path / "micro.png", "-b", "MICROQR", "-d", "12345"): ("12345", b"12345", "]Q1", "Micro QR Code"),
    }  # fmt: skip
    code, told = decode(*files)
    assert code == 0
    for document, (path, (text, data, aim, format_)) in zip(told, files.items(), strict=True):
        (symbol,) = document["symbols"]
        assert (document["file"], symbol["text"], symbol["aim"], symbol["format"]) == (str(path), text, aim, format_)
        assert bytes.fromhex(symbol["bytes"]) == data
        assert len(symbol["position"]) == 4
        assert "error" not in document


def test_an_add_on_is_told_beside_the_symbol_without_it(tmp_path: Path) -> None:
    """Who wants the article number takes ]E0."""
    _, (told,) = decode(zint(tmp_path / "book.png", "-b", "EANX", "-d", "978073520044+51299"))
    assert [(one["text"], one["aim"]) for one in told["symbols"]] == [
        ("9780735200449", "]E0"),
        ("978073520044951299", "]E3"),
    ]


def test_all_symbols_of_a_picture_come_with_their_places(tmp_path: Path) -> None:
    sheet = np.full((500, 900), 255, np.uint8)
    for left, text in ((40, "LEFT"), (600, "RIGHT")):
        symbol = (1 - np.array(segno.make_qr(text).matrix, np.uint8)) * 255
        sheet[100 : 100 + 8 * len(symbol), left : left + 8 * len(symbol)] = np.kron(symbol, np.ones((8, 8), np.uint8))
    cv2.imwrite(str(tmp_path / "two.png"), sheet)
    _, (told,) = decode(tmp_path / "two.png")
    corners = {one["text"]: one["position"][0] for one in told["symbols"]}
    assert {text: (abs(x - left) < 8, abs(y - 100) < 8) for (text, (x, y)), left in
            zip(sorted(corners.items()), (40, 600), strict=True)} == {"LEFT": (True, True), "RIGHT": (True, True)}  # fmt: skip


def test_files_that_are_no_pictures_are_told_and_cost_no_other(tmp_path: Path) -> None:
    """Absent, empty, rubbish, cut off, a bomb, a directory; a name that is no text. The good ones around them are read."""
    good, last = tmp_path / "good.png", tmp_path / os.fsdecode(b"\xff.png")
    qr(good, "good")
    qr(last, "last")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(cv2.imencode(".jpg", np.zeros((300, 300, 3), np.uint8))[1].tobytes()[:400])
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.png").write_bytes(b"<html>")
    bomb(tmp_path / "bomb.png", 50_000)
    expected = {"none.png": "image_absent", "empty.png": "picture_none", "page.png": "picture_none", "cut.jpg": "picture_damaged",
                "bomb.png": "picture_too_large", ".": "image_irregular", "fifo.png": "image_irregular"}  # fmt: skip
    bad = [tmp_path / name for name in expected]
    code, told = decode(good, *bad, last)
    assert code == 1
    assert [[one["text"] for one in document["symbols"]] for document in told] == [["good"], *[[]] * len(bad), ["last"]]
    assert [document.get("error", {}).get("code") for document in told[1:-1]] == list(expected.values())
    assert told[-1]["file"] == f"{tmp_path}/\\xff.png"


def test_transparent_and_deep_pictures(tmp_path: Path) -> None:
    """What is transparent is paper; sixteen bits are eight."""
    symbol = np.kron(np.pad(1 - np.array(segno.make_qr("X1").matrix, np.uint8), 4, constant_values=1),
                     np.ones((6, 6), np.uint8))  # fmt: skip
    clear = np.zeros((*symbol.shape, 4), np.uint8)
    clear[..., 3] = 255 * (1 - symbol)
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    cv2.imwrite(str(tmp_path / "deep.png"), symbol.astype(np.uint16) * 60_000)
    _, told = decode(tmp_path / "clear.png", tmp_path / "deep.png")
    assert [[one["text"] for one in document["symbols"]] for document in told] == [["X1"], ["X1"]]


@pytest.mark.parametrize("kind", ["QR Code", "Data Matrix", "PDF417", "Code 128", "EAN-13", "UPC-E"])
def test_a_faint_symbol_in_the_shade_is_read(kind: str) -> None:
    """That needs more than a plain look."""
    data, drawn = KINDS[kind](np.random.default_rng(5))
    symbol = np.kron(drawn, np.ones((3, 3), np.uint8)).astype(np.float32)
    label = np.pad(symbol, 30, constant_values=255)
    light = np.linspace(50, 130, label.shape[1])
    grain = np.random.default_rng(6).normal(0, 2, label.shape)
    picture = (light * (0.8 + 0.2 * label / 255) + grain).clip(0, 255).astype(np.uint8)
    assert plain(picture, ()) == []
    (found, *more) = all_looks(picture)
    assert (found.data, more) == (data, [])


def test_what_is_no_utf8_is_a_guess_where_its_charset_is_not_known(tmp_path: Path) -> None:
    """Named by the symbol (above) or by whoever asks; a guess is called one."""
    gbk = zint(tmp_path / "gbk.png", "-b", "QRCODE", "--binary", "--esc", "-d", "\\xc0\\xe4\\xb2\\xd8")
    _, (told,) = decode(gbk, "--charset", "gbk")
    assert [(one["text"], one["guessed"], one["bytes"]) for one in told["symbols"]] == [("冷藏", False, "c0e4b2d8")]
    _, (told,) = decode(gbk)
    assert [(one["guessed"], one["bytes"]) for one in told["symbols"]] == [(True, "c0e4b2d8")]
    latin = zint(tmp_path / "latin.png", "-b", "DATAMATRIX", "--binary", "--esc", "-d", "caf\\xe9")
    _, (told,) = decode(latin)
    assert [(one["text"], one["guessed"]) for one in told["symbols"]] == [("café", True)]


def test_a_jpeg_without_its_end_and_one_that_is_turned(tmp_path: Path) -> None:
    """And a PNG all of which is transparent; an animation is looked at picture by picture."""
    label = np.pad(np.kron(1 - np.array(segno.make_qr("X1").matrix, np.uint8), np.ones((6, 6), np.uint8)) * 255, 30,
                   constant_values=255)  # fmt: skip
    jpeg = cv2.imencode(".jpg", label)[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(jpeg[:-40])
    upper = cv2.imencode(".jpg", np.pad(label, ((0, 300), (0, 0)), constant_values=255))[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"  # orientation 3: upside down
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif
    (tmp_path / "turned.jpg").write_bytes(upper[:2] + segment + upper[2:])
    cv2.imwrite(str(tmp_path / "clear.png"), np.dstack([label] * 3 + [np.zeros_like(label)]))
    cv2.imwritemulti(str(tmp_path / "pages.tiff"), [np.full_like(label, 255), label])
    _, told = decode(*(tmp_path / name for name in ("cut.jpg", "turned.jpg", "clear.png", "pages.tiff")))
    assert [[(one["text"], one["frame"]) for one in each["symbols"]] for each in told] == [[("X1", 1)]] * 3 + [
        [("X1", 2)]
    ]
    assert min(y for _, y in told[1]["symbols"][0]["position"]) > 300, "where one sees it"
