"""Looks at a changed picture: positions are those of the picture, and nothing is read where nothing is."""

import numpy as np
import pytest

from bench.symbols import EMPTY, KINDS
from drivers.camera.effort import LOOKS, Look, all_looks, plain
from drivers.camera.glance import Glance
from drivers.camera.prepare import moved
from drivers.camera.protocol import Code, Point

QR = KINDS["QR Code"](np.random.default_rng(1))


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.change.__name__)
def test_positions_are_those_of_the_picture(look: Look) -> None:
    """However it was turned and scaled."""
    data, drawn = QR
    label = np.pad(np.kron(drawn, np.ones((5, 5), np.uint8)), 20, constant_values=255)
    picture = np.pad(label, ((60, 90), (150, 40)), constant_values=120)
    (true,) = plain(picture, ())
    changed, back = look.change(picture)
    for reader in look.readers:
        for code in reader(changed, ()):
            assert code.data == data
            assert far(moved(code.position, back), true.position) <= 6


def far(points: list[Point], others: list[Point]) -> int:
    """The corners may begin at another one."""
    turns = [points[n:] + points[:n] for n in range(4)]
    return min(max(abs(x - u) + abs(y - v) for (x, y), (u, v) in zip(turn, others, strict=True)) for turn in turns)


@pytest.mark.parametrize("kind", ["print", "bars"])
def test_nothing_is_read_where_nothing_is(kind: str) -> None:
    """bench/decode.py has many more."""
    assert all_looks(EMPTY[kind](np.random.default_rng(3))[:240, :320]) == []


def test_what_one_look_alone_has_seen_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bars; nor a symbol that has needed all of its error correction; the others are."""

    def seeing(*codes: Code) -> list[Code]:
        once = iter([list(codes)])
        look = Look(LOOKS[0].change, (lambda pixels, formats: next(once, []), lambda pixels, formats: []))
        monkeypatch.setattr("drivers.camera.effort.LOOKS", (look,))
        return all_looks(np.full((50, 50), 128, np.uint8))

    bars = Code(b"6901234567892", "]E0", "6901234567892", "EAN-13", [(0, 0)] * 4)
    spent, sound = (Code(b"x", "]Q1", "x", "QR Code", [(0, 0)] * 4, margin) for margin in (0.0, 0.9))
    assert seeing(bars) == seeing(spent) == []
    assert seeing(bars, sound) == [sound]


def test_beside_what_zxing_reads_zbar_reads_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once each, and a symbol without a checksum only where two looks agree."""
    place = [(0, 0), (9, 0), (9, 9), (0, 9)]
    far_away = [(x + 40, y) for x, y in place]
    qr = Code(b"1", "]Q1", "1", "QR Code", place, 1.0)
    same, bars = Code(b"1x", None, "1x", "Code 128", place), Code(b"2", "]E0", "2", "EAN-13", far_away)
    alone, weak = Code(b"3", "]A0", "3", "Code 39", far_away), Code(b"4", "]A0", "4", "Code 39", far_away)

    def told(by_zxing: list[Code], by_zbar: list[Code], fixed: list[Code]) -> list[Code]:
        monkeypatch.setattr("drivers.camera.effort.plain", lambda *_: list(by_zxing))
        monkeypatch.setattr("drivers.camera.effort.zbar", lambda *_: by_zbar)
        monkeypatch.setattr("drivers.camera.effort.FIXED", lambda *_: fixed)
        return all_looks(np.full((50, 50), 128, np.uint8))

    assert told([qr], [qr, same, bars], []) == [qr, bars]
    assert told([qr, weak], [], []) == told([qr], [alone], []) == [qr]
    assert told([qr, weak], [weak], []) == told([qr, weak], [], [weak]) == told([qr], [weak], [weak]) == [qr, weak]


def test_a_sharp_look_is_remembered() -> None:
    """A grainy picture is read softened, which may lose a small symbol; not any more once one was seen."""
    dice = np.random.default_rng(1)
    picture = np.full((240, 400), 200.0)
    for place, size in ((20, 5), (300, 1)):
        drawn = np.kron(KINDS["QR Code"](dice)[1], np.ones((size, size)))
        picture[40 : 40 + drawn.shape[0], place : place + drawn.shape[1]] = np.where(drawn, 200, 30)
    grainy = (picture + dice.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)
    glance = Glance()
    assert [len(glance.read(grainy, ("QRCode",), sharply=sharply)) for sharply in (False, True, False)] == [1, 2, 2]
