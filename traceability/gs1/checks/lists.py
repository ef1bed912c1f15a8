"""Parts that must be one of few."""

import re

from traceability.gs1.iso import COUNTRIES, COUNTRIES_BY_LETTERS, CURRENCIES, PACKAGES

_IMPORTER = re.compile("[-0-9A-Z_a-z]")
_MEDIA = re.compile("0[1-9]|10|[89][0-9]")
"""01 to 10 are assigned, 80 to 99 are for national use; the others are reserved."""
_BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def iso3166(part: str) -> str | None:
    return None if part in COUNTRIES else "country_unknown"


def iso3166999(part: str) -> str | None:
    """999: of several countries."""
    return None if part == "999" else iso3166(part)


def iso3166alpha2(part: str) -> str | None:
    return None if part in COUNTRIES_BY_LETTERS else "country_unknown"


def iso4217(part: str) -> str | None:
    return None if part in CURRENCIES else "currency_unknown"


def iso5218(part: str) -> str | None:
    return None if part in ("0", "1", "2", "9") else "sex_unknown"


def packagetype(part: str) -> str | None:
    return None if part in PACKAGES else "package_unknown"


def mediatype(part: str) -> str | None:
    return None if _MEDIA.fullmatch(part) else "media_unknown"


def winding(part: str) -> str | None:
    """Face out, face in, undefined."""
    return None if part in ("0", "1", "9") else "winding_unknown"


def yesno(part: str) -> str | None:
    return None if part in ("0", "1") else "not_yes_or_no"


def hyphen(part: str) -> str | None:
    return None if part and not part.strip("-") else "not_a_hyphen"


def importeridx(part: str) -> str | None:
    return None if _IMPORTER.fullmatch(part) else "importer_wrong"


def pcenc(part: str) -> str | None:
    """`%` stands only in front of two hexadecimal digits."""
    return "percent_wrong" if _BAD_PERCENT.search(part) else None
