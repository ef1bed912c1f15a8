"""What a modem says, in whatever pieces it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem.at import LINE_MAX_BYTES, Demux, Final, Prompt, Said, Word

PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"


def words(*pieces: bytes) -> list[Word]:
    """And then nothing."""
    demux = Demux()
    return [word for piece in pieces for word in demux.feed(piece)] + demux.quiet()


def test_lines_results_and_the_prompt() -> None:
    """The prompt mostly has no line's end."""
    assert words(b"AT\r\r\nOK\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\n> ") == [
        *(Said("AT"), Final(), Said("+CSQ: 20,99"), Final(), Prompt())
    ]


@pytest.mark.parametrize("prompt", [b"\r\n> ", b"\r\n>", b"\r\n>\r\n", b">"])
def test_a_prompt_in_any_form(prompt: bytes) -> None:
    """As modems have it, whatever comes behind it after a while."""
    demux = Demux()
    assert demux.feed(prompt) + demux.quiet() == [Prompt()]
    assert demux.feed(b"\r\n+CMGS: 5\r\n") == [Said("+CMGS: 5")]
    assert demux.quiet() == []


def test_a_text_that_begins_as_the_prompt() -> None:
    """Is none."""
    assert words(b"\r\n>", b" 1 balance\r\n>2\r\na > b\r\n") == [Said("> 1 balance"), Said(">2"), Said("a > b")]


def test_errors_with_their_reason() -> None:
    """In numbers or words, as AT+CMEE has it."""
    said = b"\r\n+CMS ERROR: 38\r\n\r\n+CME ERROR: SIM not inserted\r\n\r\nERROR\r\n"
    assert words(said) == [Final("CMS 38"), Final("CME SIM not inserted"), Final("ERROR")]


def test_a_message_and_what_comes_in_between() -> None:
    """A line waits for its PDU; a message that comes meanwhile has one of its own."""
    said = f'\r\n+CMGL: 1,0,,24\r\nRING\r\n+CMT: ,24\r\nAB{PDU}\r\n+CMTI: "SM",3\r\n{PDU}\r\n\r\nOK\r\n'
    assert words(said.encode()) == [
        Said("RING"),
        Said("+CMT: ,24", "AB" + PDU),
        Said('+CMTI: "SM",3'),
        Said("+CMGL: 1,0,,24", PDU),
        Final(),
    ]


def test_an_answer_without_its_pdu_opens_nothing() -> None:
    """An empty place; the next PDU is not its."""
    assert words(f"+CMGR: 0,,0\r\nOK\r\n{PDU}\r\n".encode()) == [Final(), Said(PDU)]


def test_a_line_without_an_end() -> None:
    """Is dropped, and counted; the next one is a line."""
    demux = Demux()
    assert demux.feed(b"x" * (LINE_MAX_BYTES + 1)) == []
    assert (demux.dropped, demux.feed(b"\r\nOK\r\n")) == (1, [Final()])


PIECES = st.sampled_from(
    [
        b"\r\n",
        b"OK\r\n",
        b"> ",
        b">",
        b"\r",
        b"ERROR\r\n",
        b"+CMT: ,24\r\n",
        PDU.encode() + b"\r\n",
        b"RING\r\n",
        b"\xff\x00",
    ]
)


@given(st.lists(PIECES, max_size=12).map(b"".join), st.data())
def test_any_pieces_are_the_same_words(said: bytes, data: st.DataObject) -> None:
    """Where the port cuts is nothing."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    assert words(*pieces) == words(said)
