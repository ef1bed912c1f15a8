"""What the library of the command line says itself is there in Chinese too, whatever its version says."""

import ast
import gettext
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from model.shipped import shipped

WORDS = shipped("messages", "zh_CN", "LC_MESSAGES", "messages.mo")
SEEN = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
"""The modules of click whose sentences a person reads."""
UNSEEN = {
    # a wrong program says these, no wrong command line
    "Value must be an iterable.",
    "Could not determine name for option with declarations {decls!r}",
    (
        "No options defined but a name was passed ({name}). Did you mean to declare an argument instead? "
        "Did you mean to pass '--{name}'?"
    ),
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    "Name '{name}' defined twice",
    "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Invalid start character for option ({option})",
    "Unknown color {colour!r}",
    "Choice({choices})",
    # of what no command of ours has
    "deprecated",
    "DeprecationWarning: The command {name!r} is deprecated.{extra_message}",
    "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}",
    "Do you want to continue?",
    "Confirm the action without prompting.",
    "%(prog)s, version %(version)s",
    "Show the version and exit.",
    "Press any key to continue...",
    "{value!r} is not a valid UUID.",
    # words for a kind of value, in capitals where its columns stand: two of ours would be as wide as four of theirs
    "file",
    "directory",
    "path",
}


def sentences() -> set[str]:
    """All that click marks as to be translated, each by its first form."""
    spec = find_spec("click")
    assert spec
    assert spec.origin
    found = set()
    for name in SEEN:
        for call in ast.walk(ast.parse((Path(spec.origin).parent / f"{name}.py").read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"_", "ngettext"}:
                first = call.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_each_sentence_has_its_words() -> None:
    """A newer click that says something else is noticed."""
    with WORDS.open("rb") as file:
        words = gettext.GNUTranslations(file)
    said = sentences() - UNSEEN
    assert len(said) > 30
    assert [one for one in sorted(said) if words.gettext(one) == one and words.ngettext(one, one, 2) == one] == []


def test_they_are_those_of_the_source() -> None:
    """`make words` was not forgotten."""
    made = subprocess.run(["msgfmt", "--output-file=-", WORDS.with_suffix(".po")], check=True, capture_output=True)
    assert made.stdout == WORDS.read_bytes()


@pytest.mark.parametrize("program", [("gateway.cli", "run"), ("central", "run"), ("gateway.demo",)])
@pytest.mark.parametrize(("lang", "said"), [("zh", "没有选项 '--nonsense'"), ("en", "No such option '--nonsense'")])
def test_a_wrong_option_is_told_in_the_language_that_was_asked_for(
    program: tuple[str, ...], lang: str, said: str
) -> None:
    command = [sys.executable, "-m", *program, "--lang", lang, "--nonsense"]
    told = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"LANGUAGE": "de"})
    assert (told.returncode, said in told.stderr) == (2, True), told.stderr
