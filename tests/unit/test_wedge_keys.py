"""Keys of a scanner that types -> symbols, from recorded lists of events."""

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanner.codec import Symbol
from drivers.scanner.config import WedgeConfig
from drivers.scanner.keys import Decoder, Typed
from drivers.scanner.lines import line_parser
from support.evdev_keys import ALT, CTRL, ENTER, F8, GRAVE, KEYPAD, RIGHTSHIFT, SHIFT, TAB, Event, stroke, typing

GAP_S = 0.1
DRUG = "]d201069012345678921715070710A213B1\x1d211234"
CTRL_GS = [(1, CTRL, 1), (1, 27, 1), (1, 27, 0), (1, CTRL, 0)]
ALT_GS = [(1, ALT, 1), *stroke(KEYPAD["0"]), *stroke(KEYPAD["2"]), *stroke(KEYPAD["9"]), (1, ALT, 0)]


def decoder(**settings: Any) -> Decoder:
    base = {"id": "scan1", "driver": "wedge", "port": "/dev/input/by-id/usb-scanner-event-kbd"}
    return Decoder(line_parser(WedgeConfig.model_validate({**base, **settings})), GAP_S)


def heard(decoder: Decoder, events: Iterable[Event], *, start: float = 0.0, step: float = 0.001) -> list[Typed]:
    times = itertools.count()
    return [typed for event in events for typed in decoder.take(*event, start + step * next(times))]


def texts(typed: list[Typed]) -> list[tuple[str | None, bytes]]:
    return [(one.symbol.symbology, one.symbol.data) for one in typed if one.symbol]


@pytest.mark.parametrize("gs", [CTRL_GS, stroke(F8), ALT_GS])
def test_every_form_of_gs(gs: list[Event]) -> None:
    """Ctrl+], F8 and ALT+029 are 1D."""
    before, behind = DRUG.split("\x1d")
    events = [*typing(before), *gs, *typing(behind), *stroke(ENTER)]
    assert texts(heard(decoder(), events)) == [("]d2", DRUG[3:].encode())]


@pytest.mark.parametrize("end", [ENTER, 96, TAB])
def test_ends(end: int) -> None:
    """Enter, Enter of the keypad, Tab; two symbols in one go."""
    events = [*typing("A1"), *stroke(end), *typing("b2"), *stroke(end)]
    typed = heard(decoder(), events)
    assert typed == [Typed(Symbol(b"A1", None), False, None), Typed(Symbol(b"b2", None), False, None)]


def test_every_character_of_a_us_keyboard() -> None:
    """Also with the right shift key, and a keypad."""
    ascii_ = "".join(map(chr, range(0x20, 0x7F)))
    assert texts(heard(decoder(), [*typing(ascii_), *stroke(ENTER)])) == [(None, ascii_.encode())]
    right = [(kind, RIGHTSHIFT if code == SHIFT else code, value) for kind, code, value in typing(ascii_)]
    assert texts(heard(decoder(), [*right, *stroke(ENTER)])) == [(None, ascii_.encode())]
    digits = [event for digit in "0123456789" for event in stroke(KEYPAD[digit])]
    assert texts(heard(decoder(), [*digits, *stroke(ENTER)])) == [(None, b"0123456789")]


def test_caps_lock() -> None:
    """Turns letters over and nothing else, until it is pressed again."""
    events = [*stroke(58), *typing("aB1!"), *stroke(58), *typing("c"), *stroke(ENTER)]
    assert texts(heard(decoder(), events)) == [(None, b"Ab1!c")]


def test_repeats_of_a_key_held_are_no_characters() -> None:
    """The kernel makes them, not the scanner."""
    events = [(1, 30, 1), (1, 30, 2), (1, 30, 2), (1, 30, 0), *stroke(ENTER)]
    assert texts(heard(decoder(), events)) == [(None, b"a")]


def test_a_pause_ends_a_symbol_without_enter() -> None:
    """By the kernel's clock, also where the events are read late and all at once; and by silence."""
    wedge = decoder()
    assert heard(wedge, typing("first")) == []
    typed = heard(wedge, typing("second"), start=1.0)
    assert typed == [Typed(Symbol(b"first", None, "scan_no_end"), True, None)]
    assert wedge.pending
    assert wedge.flush() == [Typed(Symbol(b"second", None, "scan_no_end"), True, None)]
    assert not wedge.pending


def test_a_torn_symbol_of_a_scanner_with_enter() -> None:
    """Half a code is another code: it is dropped and counted."""
    wedge = decoder()
    heard(wedge, [*typing("whole"), *stroke(ENTER), *typing("hal")])
    assert wedge.flush() == []
    assert wedge.dropped == 1
    assert heard(wedge, [*typing("f"), *stroke(ENTER)], start=0.3) == []
    assert wedge.dropped == 2
    heard(wedge, typing("hal"), start=0.5)
    assert texts(heard(wedge, [*typing("whole"), *stroke(ENTER)], start=2.0)) == [(None, b"whole")]


@pytest.mark.parametrize(
    ("events", "code"),
    [
        (stroke(183), "scan_key_unknown"),
        ([(1, CTRL, 1), *stroke(2), (1, CTRL, 0)], "scan_key_unknown"),
        ([(1, ALT, 1), *stroke(30), (1, ALT, 0)], "scan_key_unknown"),
        ([(1, ALT, 1), *[e for d in "20013" for e in stroke(KEYPAD[d])], (1, ALT, 0)], "scan_not_ascii"),
    ],
)
def test_what_a_keyboard_does_not_carry(events: list[Event], code: str) -> None:
    """Told with the symbol that it was part of, and only with that."""
    wedge = decoder()
    typed = heard(wedge, [*typing("A"), *events, *typing("B"), *stroke(ENTER), *typing("C"), *stroke(ENTER)])
    assert texts(typed) == [(None, b"AB"), (None, b"C")]
    assert [one.wrong.code if one.wrong else None for one in typed] == [code, None]


def test_nothing_of_it_is_known() -> None:
    """A code of Chinese characters alone is told though there is no symbol."""
    chinese = [(1, ALT, 1), *[e for d in "20013" for e in stroke(KEYPAD[d])], (1, ALT, 0)]
    typed = heard(decoder(), [*chinese, *stroke(ENTER), *typing("C"), *stroke(ENTER)])
    assert [(one.symbol, one.wrong.code if one.wrong else None) for one in typed] == [
        (None, "scan_not_ascii"),
        (Symbol(b"C", None), None),
    ]


def test_control_characters() -> None:
    """A prefix STX as Ctrl+B, Ctrl+M for Enter."""
    events = [(1, CTRL, 1), *stroke(48), (1, CTRL, 0), *typing("A1"), (1, CTRL, 1), *stroke(50), (1, CTRL, 0)]
    assert texts(heard(decoder(prefix="\x02"), events)) == [(None, b"A1")]


def test_after_lost_events_no_key_is_held() -> None:
    """The shift whose release was lost does not turn what comes."""
    wedge = decoder()
    heard(wedge, [(1, SHIFT, 1), (0, 3, 0)])
    assert texts(heard(wedge, [*stroke(GRAVE), *stroke(ENTER)])) == [(None, b"`")]


def test_after_lost_events_all_is_doubted_until_the_kernel_was_asked() -> None:
    """The press of Caps Lock that was lost turns the codes behind it, until the light tells."""
    wedge = decoder()
    assert not wedge.unsure
    code = [*typing("a"), *stroke(ENTER)]
    typed = heard(wedge, [*stroke(58), (0, 3, 0), *code, *code])
    assert [(one.symbol and one.symbol.data, one.wrong and one.wrong.code) for one in typed] == [
        (b"A", "scan_keys_lost")
    ] * 2
    assert wedge.unsure
    wedge.settle({SHIFT, 30}, capitals=True)
    assert texts(heard(wedge, [(1, SHIFT, 0), *code])) == [(None, b"A")]
    wedge.settle((), capitals=False)
    assert heard(wedge, code) == [Typed(Symbol(b"a", None), False, None)]


def test_a_key_that_is_still_held_between_codes_is_to_be_asked_for() -> None:
    """And one that is not is not: asking costs what the kernel holds for us."""
    wedge = decoder()
    heard(wedge, [(1, SHIFT, 1), *stroke(GRAVE), *stroke(ENTER)])
    assert wedge.unsure
    heard(wedge, [(1, SHIFT, 0)])
    assert not wedge.unsure


@given(st.lists(st.text("".join(map(chr, range(0x21, 0x7F))) + "\x1d", min_size=1, max_size=20), max_size=5))
def test_what_is_typed_is_what_arrives(codes: list[str]) -> None:
    """Any codes, with Enter behind each."""
    events = [
        event
        for code in codes
        for event in [*(e for c in code for e in (CTRL_GS if c == "\x1d" else typing(c))), *stroke(ENTER)]
    ]
    assert texts(heard(decoder(aim="never"), events)) == [(None, code.encode()) for code in codes]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 255), st.integers(0, 2), st.floats(0, 10)), max_size=80))
def test_any_events(events: list[tuple[int, int, int, float]]) -> None:
    """Never raises."""
    wedge = decoder()
    for event in events:
        wedge.take(*event)
    wedge.flush()
