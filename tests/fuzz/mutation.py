"""Mutants of a JSON message: of the same shape but for one value."""

import json
import random

_NUMBERS = (0, -1, 1, 2**40 - 1, 2**40, 2**53, 2**63 - 1, 2**63, 2**64, 1e308, 0.5)
_TEXTS = ("", "\x00", "\ud800", "x" * 300, "alarm", "damaged", "\n", "é")


def mutated_json(data: bytes, chance: random.Random) -> bytes | None:
    """The same message with one value somewhere in it another, doubled or gone; None where it is no JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    inside = [value]
    for one in inside:
        children = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        inside += [child for child in children if isinstance(child, dict | list)]
    within = chance.choice(inside)
    if isinstance(within, list) and within:
        place = chance.randrange(len(within))
        within[place : place + 1] = chance.choice([[], [within[place]] * 2, [_odd(chance, within[place])]])
    elif isinstance(within, dict) and within:
        key = chance.choice(list(within))
        if chance.random() < 0.2:
            del within[key]
        else:
            within[key] = _odd(chance, within[key])
    else:
        value = _odd(chance, value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")


def _odd(chance: random.Random, value: object) -> object:
    """Near it, or something else."""
    if isinstance(value, int) and chance.random() < 0.7:
        return value + chance.choice((-1, 1, 10, -10))
    if isinstance(value, str) and value and chance.random() < 0.5:
        place = chance.randrange(len(value))
        return value[:place] + chance.choice("0f\n\x00é") + value[place + 1 :]
    return chance.choice((None, True, [], {}, [value], {"x": value}, *_NUMBERS, *_TEXTS))
