"""What a part of a value must satisfy, by the names that GS1's Syntax Dictionary gives to its checks.

A check takes any text and returns the code of what is wrong, or None. Each judges as GS1's reference implementation does.
"""

from collections.abc import Callable

from traceability.gs1.checks import coupons, digits, lists, moments, sums

Check = Callable[[str], str | None]

CHECKS: dict[str, Check] = {
    "couponcode": coupons.couponcode,
    "couponposoffer": coupons.couponposoffer,
    "csum": sums.csum,
    "csumalpha": sums.csumalpha,
    "gcppos1": digits.gcppos1,
    "gcppos2": digits.gcppos2,
    "hasnondigit": digits.hasnondigit,
    "hh": moments.hh,
    "hhmi": moments.hhmi,
    "hyphen": lists.hyphen,
    "iban": sums.iban,
    "importeridx": lists.importeridx,
    "iso3166": lists.iso3166,
    "iso3166999": lists.iso3166999,
    "iso3166alpha2": lists.iso3166alpha2,
    "iso4217": lists.iso4217,
    "iso5218": lists.iso5218,
    "latitude": digits.latitude,
    "longitude": digits.longitude,
    "mediatype": lists.mediatype,
    "mi": moments.mi,
    "nonzero": digits.nonzero,
    "nozeroprefix": digits.nozeroprefix,
    "packagetype": lists.packagetype,
    "pcenc": lists.pcenc,
    "pieceoftotal": digits.pieceoftotal,
    "posinseqslash": digits.posinseqslash,
    "ss": moments.ss,
    "winding": lists.winding,
    "yesno": lists.yesno,
    "yymmd0": moments.yymmd0,
    "yymmdd": moments.yymmdd,
    "yyyymmdd": moments.yyyymmdd,
    "zero": digits.zero,
}
