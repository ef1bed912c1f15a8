"""Check digits and check characters."""

import re

from traceability.gs1.iso import COUNTRIES_BY_LETTERS
from traceability.gs1.table import ONE_OF

_SET_82 = re.findall(ONE_OF["X"], "".join(map(chr, range(128))))
_SET_32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_WORTH = {character: index for index, character in enumerate(_SET_82)}
_PRIMES = sorted(set(range(2, 510)) - {one * other for one in range(2, 23) for other in range(one, 509 // one + 1)})
"""Weights, as many as the reference has: 97, for 99 characters with the pair."""

_CHECK_DIGITS = "0987654321"
"""By the weighted sum modulo 10 of the others."""
_IBAN = re.compile("[0-9A-Z]*")


def csum(part: str) -> str | None:
    """The last digit is the check digit: weights 3, 1, 3 ... from the one before it to the left."""
    if not (part.isascii() and part.isdigit()):
        return "not_a_digit"
    return None if part[-1] == check_digit(part[:-1]) else "check_digit_wrong"


def check_digit(digits: str) -> str:
    """What belongs behind them."""
    octets = digits.encode()
    threes = octets[-1::-2]
    total = sum(octets) + 2 * sum(threes) - 48 * (len(octets) + 2 * len(threes))
    return _CHECK_DIGITS[total % 10]


def csumalpha(part: str) -> str | None:
    """The last two characters are the check pair: the sum, weighted with primes from the right, modulo 1021."""
    data = part[:-2]
    if len(part) < 2 or len(data) > len(_PRIMES):
        return "check_pair_missing"
    try:
        total = sum(_WORTH[character] * prime for character, prime in zip(reversed(data), _PRIMES, strict=False))
    except KeyError:
        return "not_set_82"
    total %= 1021
    return None if part[-2:] == _SET_32[total >> 5] + _SET_32[total & 31] else "check_pair_wrong"


def iban(part: str) -> str | None:
    """ISO 13616: the country, the length as far as the reference looks at it, and the check by ISO 7064."""
    if len(part) < 4:
        return "iban_length"
    if part[:2] not in COUNTRIES_BY_LETTERS:
        return "iban_country"
    if not 10 < len(part) <= 34:
        return "iban_length"
    if not _IBAN.fullmatch(part):
        return "iban_character"
    number = int("".join(str(int(character, 36)) for character in part[4:] + part[:4]))
    return None if number % 97 == 1 else "iban_check_wrong"
