"""The port of a device as an argument of commands."""

from typing import Any

import click

from model.texts import text


class PortType(click.ParamType[str]):
    """`/dev/...` or `tcp://host:port`"""

    name = "port"

    def __init__(self, lang: str) -> None:
        self._lang = lang

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from pydantic import TypeAdapter, ValidationError

        from drivers.common.config import Port

        try:
            return str(TypeAdapter(Port).validate_python(value))
        except ValidationError:
            kind = "address" if str(value).startswith("tcp://") else "port"
            self.fail(text(f"discover.wrong.{kind}", self._lang, given=value), param, ctx)
