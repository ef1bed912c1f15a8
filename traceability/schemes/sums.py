"""Check characters of codes outside of GS1: each function gives the one that belongs behind the body, or None where the body has
a character that the code cannot have.
"""

from operator import mul

from traceability.gs1.checks.sums import check_digit

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES = {char: value for value, char in enumerate(_USCC)}
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def uscc(body: str) -> str | None:
    """Unified social credit code (GB 32100): weights 3^i modulo 31 over 17 characters."""
    values = [_USCC_VALUES.get(char, -1) for char in body]
    if len(values) != 17 or -1 in values:
        return None
    return _USCC[-sum(map(mul, values, _USCC_WEIGHTS)) % 31]


def org_code(body: str) -> str | None:
    """Organization code (GB 11714): 8 characters modulo 11."""
    if len(body) != 8 or not (body.isascii() and body.isalnum() and body == body.upper()):
        return None
    rest = -sum(int(char, 36) * weight for char, weight in zip(body, _ORG_WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def mod11_10(body: str) -> str | None:
    """ISO 7064 MOD 11,10 (GB/T 17710)."""
    if not _digits(body):
        return None
    product = 10
    for char in body:
        product = ((product + int(char)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def mod10(body: str) -> str | None:
    """As GS1's."""
    return check_digit(body) if _digits(body) else None


def luhn(body: str) -> str | None:
    """Each second digit from the right doubled, of what has two digits their sum (ISO/IEC 7812-1)."""
    if not _digits(body):
        return None
    digits = [int(char) for char in reversed(body)]
    return str(-(sum(digit * 2 - 9 * (digit > 4) for digit in digits[::2]) + sum(digits[1::2])) % 10)


def _digits(body: str) -> bool:
    return body.isascii() and body.isdigit()


SUMS = {"luhn": luhn, "mod10": mod10, "mod11_10": mod11_10, "org_code": org_code, "uscc": uscc}
