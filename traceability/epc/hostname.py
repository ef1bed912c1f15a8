"""The host name in a '++' EPC (TDS 14.5.16): URN Code 40, or 7 bits a character with frequent parts of names in 7 or 14 bits."""

from functools import cache

from traceability.epc import letters
from traceability.epc.bits import BadCode, Bits, NotWritable, Written

LONGEST = 63

_SEVEN = {30: "qr.", 31: "www.", 32: "id."} | dict(
    zip(
        (91, 92, 93, 94, 96, 123, 124, 125, 126, 127),
        (".com", ".org", ".net", ".int", ".edu", ".gov", ".mil", ".biz", ".eco", ".med"),
        strict=True,
    )
)
_NAMES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo bq br bs bt bw by bz ca cc cd cf  cg
ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu fi fj fk fm fo fr ga gd ge gf gg  gh gi
gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp  kr kw ky
kz la lb lc li | lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl
no np nr nu  nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn sr ss st
su sv sx  sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw |
com.au net.au org.au co.at com.bd co.bd com.br net.br co.nz com.ng com.pk co.in com.in co.il co.jp co.za co.kr com.es
com.lk co.th co.tt com.tt com.tr biz.tr com.ua co.uk co.zm com.zm com.cn org.cn net.cn gov.cn | tech
"""
"""Tables B1 to B4: by the first 7 bits (0 to 3) the names of which the next 7 are the number. TDS 2.3 prints .org.cn and
.net.cn with the first 7 bits of table B1, where they would be .bq and .br: they are taken as rows of B3, where they stand."""
_FOURTEEN = [names.split() for names in _NAMES.split("|")]


@cache
def _sequences() -> dict[str, tuple[int, ...]]:
    """What a frequent part of a name is written as: one code of 7 bits or two."""
    two = {f".{name}": (table, at) for table, names in enumerate(_FOURTEEN) for at, name in enumerate(names)}
    return two | {text: (code,) for code, text in _SEVEN.items()}


@cache
def _parts() -> dict[tuple[int, ...], str]:
    return {codes: text for text, codes in _sequences().items()}


def read(bits: Bits) -> str:
    text = (_read_seven if bits.take(1) else letters.read_forty)(bits, bits.take(6))
    if not text or len(text) > LONGEST:
        raise BadCode("epc_hostname", hostname=text)
    return text


def _read_seven(bits: Bits, count: int) -> str:
    text = ""
    while count > 0:
        code = bits.take(7)
        codes = (code, bits.take(7)) if code < len(_FOURTEEN) else (code,)
        count -= len(codes)
        part = _parts().get(codes) or (chr(code) if chr(code) in letters.SET_82 else "")
        if not part or count < 0:
            raise BadCode("epc_hostname", hostname=text)
        text += part
    return text


def write(out: Written, text: str) -> None:
    """The shorter of both ways; of 7 bits the longest part that fits is written first."""
    if not 1 <= len(text) <= LONGEST or not letters.SET_82.issuperset(text):
        raise NotWritable(text)
    codes = _seven(text)
    if set(letters.CODE_40).issuperset(text) and 16 * -(-len(text) // 3) <= 7 * len(codes):
        out.add(0, 1)
        out.add(len(text), 6)
        letters.write_forty(out, text)
    else:
        out.add(1, 1)
        out.add(len(codes), 6)
        for code in codes:
            out.add(code, 7)


def _seven(text: str) -> list[int]:
    codes: list[int] = []
    at = 0
    while at < len(text):
        part = next((part for size in range(8, 2, -1) if (part := text[at : at + size]) in _sequences()), text[at])
        codes += _sequences().get(part) or (ord(part),)
        at += len(part)
    return codes
