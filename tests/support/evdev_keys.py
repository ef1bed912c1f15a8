"""What a scanner set to a US keyboard types, as events (type, code, value) by <linux/input-event-codes.h>."""

Event = tuple[int, int, int]

ENTER, TAB, CTRL, SHIFT, RIGHTSHIFT, ALT, F8, GRAVE = 28, 15, 29, 42, 54, 56, 66, 41
KEYPAD = dict(zip("0123456789", (82, 79, 80, 81, 75, 76, 77, 71, 72, 73), strict=True))

_SYN = (0, 0, 0)
_PLAIN = {
    **dict(zip("1234567890-=", range(2, 14), strict=True)),
    **dict(zip("qwertyuiop[]", range(16, 28), strict=True)),
    **dict(zip("asdfghjkl;'`", range(30, 42), strict=True)),
    **dict(zip("\\zxcvbnm,./", range(43, 54), strict=True)),
    " ": 57,
}
_SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))


def stroke(code: int) -> list[Event]:
    """A key down and up again."""
    return [(1, code, 1), _SYN, (1, code, 0), _SYN]


def typing(text: str) -> list[Event]:
    """Each character, with shift where it needs it."""
    events: list[Event] = []
    for character in text:
        plain = _SHIFTED.get(character, character.lower())
        one = stroke(_PLAIN[plain])
        events += one if plain == character else [(1, SHIFT, 1), _SYN, *one, (1, SHIFT, 0), _SYN]
    return events
