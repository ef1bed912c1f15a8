"""`doorpost sms`: whether a short message reaches a person."""

from pathlib import Path

import click

from gateway.cli.leaf import Exit, branch, data_option, leaf
from gateway.cli.show import Show
from gateway.client import DaemonAbsent, ask
from model.errors import DoorpostError

_ASKED_WRONG = {"sms_person_unknown", "sms_no_phone"}


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "sms", lang)

    @leaf(group, "test", lang, click.Argument(["person"]), data_option(lang))
    def test(show: Show, *, person: str, data: Path) -> int:
        try:
            (taken,) = ask(data, "sms", person=person)
        except DaemonAbsent:
            raise
        except DoorpostError as err:
            if err.code in _ASKED_WRONG:
                raise
            show.error(err)
            return Exit.UNREACHABLE
        if show.as_json:
            show.document(taken)
        else:
            show.line(show.words("cli.sms_test.done", **taken))
        return Exit.OK
