"""Pictures of symbols that zint and segno have drawn, spoilt in the ways of a bad camera, and pictures without any symbol.

None of it is made by a decoder's library. All is drawn from seeds: the same every time."""

import subprocess
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Dice = np.random.Generator

WIDTH, HEIGHT = 640, 480
PAPER, INK = 225, 35
QUIET_PX = 24

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


class Picture(NamedTuple):
    """`data` is what a decoder must say, as bytes; None where there is nothing to say."""

    kind: str
    spoilt: str
    data: bytes | None
    pixels: Pixels


def _word(dice: Dice, length: int) -> str:
    return "".join(dice.choice(list(LETTERS), length))


def _digits(dice: Dice, length: int) -> str:
    return "".join(map(str, dice.integers(0, 10, length)))


def _checked(digits: str) -> str:
    """With the check digit of GS1."""
    total = sum(int(digit) * (3 if n % 2 == 0 else 1) for n, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def _upca_of(upce: str) -> str:
    """The twelve digits, without check digit eleven, that the seven of a UPC-E stand for (GS1 General Specifications 5.2.2.4)."""
    system, body = upce[0], upce[1:]
    last = body[5]
    if last in "012":
        return f"{system}{body[:2]}{last}0000{body[2:5]}"
    if last in "34":
        zeros = 3 if last == "3" else 4
        return f"{system}{body[:zeros]}00000{body[zeros:5]}".ljust(11, "0")
    return f"{system}{body[:5]}0000{last}"


def _zint(*options: str) -> Pixels:
    """One pixel per module, or what zint needs; without a quiet zone."""
    drawn = subprocess.run(["zint", "--direct", "--filetype=PNG", *options], check=True, capture_output=True).stdout
    image = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return image.astype(np.uint8)


def _segno(text: str, *, micro: bool = False) -> Pixels:
    matrix = segno.make(text, micro=micro, error=None if micro else "m").matrix
    return (1 - np.array(matrix, np.uint8)) * 255


def _linear(kind: str, text: str) -> Pixels:
    return _zint("-b", kind, "-d", text, "--height", "30", "--notext", "--scale", "0.5")


def _matrix(kind: str, text: str, *more: str) -> Pixels:
    return _zint("-b", kind, "-d", text, "--scale", "0.5", *more)


Drawn = tuple[bytes, Pixels]


def _upce(dice: Dice) -> Drawn:
    short = "0" + _digits(dice, 6)
    return ("0" + _checked(_upca_of(short))).encode(), _linear("UPCE", short)


def _gtin(dice: Dice, kind: str, length: int, before: str = "") -> Drawn:
    digits = _digits(dice, length)
    return (before + _checked(digits)).encode(), _linear(kind, digits)


def _gs1(dice: Dice, kind: str) -> Drawn:
    gtin, lot = _checked(_digits(dice, 13)), _word(dice, 6)
    given = f"[01]{gtin}[10]{lot}"
    drawn = _matrix(kind, given, "--gs1") if kind == "DATAMATRIX" else _linear(kind, given)
    return f"01{gtin}10{lot}".encode(), drawn


def _text(draw: Callable[[str], Pixels], length: int) -> Callable[[Dice], Drawn]:
    def drawn(dice: Dice) -> Drawn:
        text = _word(dice, length)
        return text.encode(), draw(text)

    return drawn


def _codabar(dice: Dice) -> Drawn:
    text = f"A{_digits(dice, 10)}B"
    return text.encode(), _linear("CODABAR", text)


KINDS: dict[str, Callable[[Dice], Drawn]] = {
    "QR Code": _text(_segno, 24),
    "Micro QR Code": _text(lambda text: _segno(text, micro=True), 8),
    "Data Matrix": _text(lambda text: _matrix("DATAMATRIX", text), 16),
    "GS1 Data Matrix": lambda dice: _gs1(dice, "DATAMATRIX"),
    "Aztec": _text(lambda text: _matrix("AZTEC", text), 20),
    "PDF417": _text(lambda text: _matrix("PDF417", text), 20),
    "Code 128": _text(lambda text: _linear("CODE128", text), 10),
    "GS1-128": lambda dice: _gs1(dice, "GS1_128"),
    "EAN-13": lambda dice: _gtin(dice, "EANX", 12),
    "EAN-8": lambda dice: _gtin(dice, "EANX", 7),
    "UPC-A": lambda dice: _gtin(dice, "UPCA", 11, "0"),
    "UPC-E": _upce,
    "ITF-14": lambda dice: _gtin(dice, "ITF14", 13),
    "Code 39": _text(lambda text: _linear("CODE39", text), 8),
    "Code 93": _text(lambda text: _linear("CODE93", text), 8),
    "Codabar": _codabar,
    "DataBar": lambda dice: _gtin(dice, "DBAR_OMN", 13, "01"),
}


def _placed(drawn: Pixels, dice: Dice, module: float) -> Pixels:
    """On paper, on a grey table."""
    size = (round(drawn.shape[1] * module), round(drawn.shape[0] * module))
    large = np.kron(drawn, np.ones((8, 8), np.uint8))
    symbol = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    label = np.pad(symbol, QUIET_PX, constant_values=255)
    label = (INK + label.astype(np.float32) * (PAPER - INK) / 255).astype(np.uint8)
    if label.shape[1] > WIDTH or label.shape[0] > HEIGHT:
        scale = min(WIDTH / label.shape[1], HEIGHT / label.shape[0])
        label = cv2.resize(label, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    table = np.full((HEIGHT, WIDTH), 130, np.uint8)
    top, left = (int(dice.integers(0, room + 1)) for room in (HEIGHT - label.shape[0], WIDTH - label.shape[1]))
    table[top : top + label.shape[0], left : left + label.shape[1]] = label
    return table


def _clipped(pixels: NDArray[np.floating]) -> Pixels:
    return pixels.clip(0, 255).astype(np.uint8)


def _blur(pixels: Pixels, dice: Dice) -> Pixels:
    return cv2.GaussianBlur(pixels, (0, 0), dice.uniform(0.8, 2.2)).astype(np.uint8)


def _moved(pixels: Pixels, dice: Dice) -> Pixels:
    length = int(dice.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turned = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), dice.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, turned, (length, length)).astype(np.float32)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum()).astype(np.uint8)


def _noise(pixels: Pixels, dice: Dice) -> Pixels:
    return _clipped(pixels + dice.normal(0, dice.uniform(12, 45), pixels.shape))


def _turned(pixels: Pixels, dice: Dice) -> Pixels:
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), dice.uniform(0, 360), 0.72)
    return cv2.warpAffine(pixels, turn, (WIDTH, HEIGHT), borderValue=130).astype(np.uint8)


def _slanted(pixels: Pixels, dice: Dice) -> Pixels:
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    away = dice.uniform(0, 0.22, (4, 2)) * (WIDTH, HEIGHT) * ((1, 1), (-1, 1), (-1, -1), (1, -1))
    warp = cv2.getPerspectiveTransform(corners, (corners + away).astype(np.float32))
    return cv2.warpPerspective(pixels, warp, (WIDTH, HEIGHT), borderValue=130).astype(np.uint8)


def _faint(pixels: Pixels, dice: Dice) -> Pixels:
    faint = 90 + (pixels.astype(np.float32) - 90) * dice.uniform(0.04, 0.2)
    return _clipped(faint + dice.normal(0, 1.5, pixels.shape))


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    found = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert found is not None
    return found.astype(np.uint8)


def _squeezed(pixels: Pixels, dice: Dice) -> Pixels:
    return _jpeg(pixels, int(dice.integers(4, 18)))


def _lit(pixels: Pixels, dice: Dice) -> Pixels:
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    angle = dice.uniform(0, 2 * np.pi)
    slope = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    shadow = np.where(slope > dice.uniform(-0.1, 0.1), 1.0, dice.uniform(0.25, 0.5))
    return _clipped(pixels * cv2.GaussianBlur(shadow, (0, 0), 6) * (1 + slope))


def _far(pixels: Pixels, dice: Dice) -> Pixels:
    """From so far that a module has little more than a pixel."""
    scale = dice.uniform(0.3, 0.6)
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _inverted(pixels: Pixels, dice: Dice) -> Pixels:
    return _noise(255 - pixels, dice)


def _hand_held(pixels: Pixels, dice: Dice) -> Pixels:
    """A bit of everything, as a picture out of the hand."""
    soft = cv2.GaussianBlur(_lit(_slanted(pixels, dice), dice), (0, 0), dice.uniform(0.6, 1.6)).astype(np.uint8)
    noisy = _clipped(soft + dice.normal(0, 6, soft.shape))
    return _jpeg(noisy, 50)


SPOILT: dict[str, Callable[[Pixels, Dice], Pixels]] = {
    "clean": lambda pixels, dice: pixels,  # noqa: ARG005
    "blurred": _blur,
    "moved": _moved,
    "noisy": _noise,
    "turned": _turned,
    "slanted": _slanted,
    "faint": _faint,
    "JPEG": _squeezed,
    "uneven light": _lit,
    "far": _far,
    "inverted and noisy": _inverted,
    "hand-held": _hand_held,
}


SENSELESS = {("DataBar", "inverted and noisy")}
"""Light on dark a DataBar is another valid DataBar, and no standard prints it so."""


def spoilt_pictures(per_pair: int) -> Iterator[Picture]:
    """So many of each kind of symbol, spoilt in each way."""
    for k, (kind, draw) in enumerate(KINDS.items()):
        for n in range(per_pair):
            dice = np.random.default_rng((k, n))
            data, drawn = draw(dice)
            clean = _placed(drawn, dice, float(dice.uniform(2, 4)))
            for s, (name, spoil) in enumerate(SPOILT.items()):
                if (kind, name) in SENSELESS:
                    continue
                yield Picture(kind, name, data, spoil(clean, np.random.default_rng((k, n, s))))


def empty_pictures(each: int) -> Iterator[Picture]:
    """Where nothing is to be read, but much looks like bars, modules or finder patterns."""
    for name, draw in EMPTY.items():
        for n in range(each):
            dice = np.random.default_rng((n, len(name)))
            yield Picture("nothing", name, None, draw(dice))


def _grain(dice: Dice) -> Pixels:
    return dice.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)


def _cloud(dice: Dice) -> Pixels:
    """Grain of many sizes, as grass, gravel and cloth have."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(1, 7):
        small = dice.normal(0, 1, (HEIGHT >> octave, WIDTH >> octave)).astype(np.float32)
        total += cv2.resize(small, (WIDTH, HEIGHT)) * octave**0.7
    return _clipped(128 + total * 25)


def _fence(dice: Dice) -> Pixels:
    """Slats of uneven width and distance, in one line or a little turned."""
    row = np.repeat(dice.integers(20, 235, 400), dice.integers(1, 9, 400))[:WIDTH]
    pixels = np.tile(row.astype(np.uint8), (HEIGHT, 1))
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), dice.uniform(-30, 30), 1.4)
    return cv2.warpAffine(pixels, turn, (WIDTH, HEIGHT)).astype(np.uint8)


def _bars(dice: Dice) -> Pixels:
    """Black and white bars of one to four units: a linear symbol's look without its sense."""
    unit = int(dice.integers(2, 5))
    row = np.repeat(np.arange(300) % 2 * 190 + 35, dice.integers(1, 5, 300) * unit)[:WIDTH]
    return np.tile(row.astype(np.uint8), (HEIGHT, 1))


def _modules(dice: Dice) -> Pixels:
    """Modules at random, as in a matrix symbol, without its sense."""
    unit = int(dice.integers(4, 12))
    cells = dice.integers(0, 2, (HEIGHT // unit + 1, WIDTH // unit + 1)).astype(np.uint8) * 200 + 30
    return np.kron(cells, np.ones((unit, unit), np.uint8))[:HEIGHT, :WIDTH]


def _tiles(dice: Dice) -> Pixels:
    unit = int(dice.integers(6, 30))
    pixels = np.full((HEIGHT, WIDTH), 210, np.uint8)
    pixels[::unit] = pixels[:, ::unit] = 60
    return _noise(_slanted(pixels, dice), dice)


def _print(dice: Dice) -> Pixels:
    """Lines of letters, as on a delivery note."""
    pixels = np.full((HEIGHT, WIDTH), 235, np.uint8)
    for y in range(20, HEIGHT, int(dice.integers(14, 26))):
        cv2.putText(pixels, _word(dice, 60), (5, y), int(dice.integers(0, 4)), dice.uniform(0.35, 0.7), 30, 1)
    return _hand_held(pixels, dice)


def _rings(dice: Dice) -> Pixels:
    """Squares in squares, as finder patterns, and circles in circles."""
    pixels = np.full((HEIGHT, WIDTH), 220, np.uint8)
    for _ in range(14):
        x, y, unit = int(dice.integers(0, WIDTH)), int(dice.integers(0, HEIGHT)), int(dice.integers(3, 9))
        for n, grey in ((7, 30), (5, 220), (3, 30)):
            half = n * unit // 2
            if dice.random() < 0.6:
                cv2.rectangle(pixels, (x - half, y - half), (x + half, y + half), grey, -1)
            else:
                cv2.circle(pixels, (x, y), half, grey, -1)
    return pixels


EMPTY: dict[str, Callable[[Dice], Pixels]] = {
    "grain": _grain,
    "texture": _cloud,
    "fence": _fence,
    "bars": _bars,
    "modules": _modules,
    "tiles": _tiles,
    "print": _print,
    "rings": _rings,
}
