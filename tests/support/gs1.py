"""Element strings for property tests, made from the table of application identifiers."""

from hypothesis import strategies as st

from traceability.gs1.table import AI, table
from traceability.identity import Elements

CHARACTERS = {
    "N": "0123456789",
    "X": "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
    "Y": "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "Z": "-_=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}


@st.composite
def values(draw: st.DrawFn, ai: AI) -> str:
    """Right in length and characters; check digits, dates and the like as chance has them."""
    value = ""
    for part in ai.components:
        if part.optional and draw(st.booleans()):
            break
        value += draw(st.text(CHARACTERS[part.kind], min_size=part.least, max_size=part.most))
    return value


@st.composite
def element_lists(draw: st.DrawFn, most: int = 6) -> Elements:
    """Any AIs in any order, none twice."""
    ais = draw(st.lists(st.sampled_from(list(table().values())), min_size=1, max_size=most, unique=True))
    return tuple((ai.code, draw(values(ai))) for ai in ais)
