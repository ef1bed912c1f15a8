"""The pages in a language: templates, filled with words of the catalogue and with the desk's view."""

from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from central.desk.access import Session
from central.desk.view import desk, duration, level
from central.desk.watch import Seen
from central.settings import Targets
from central.show import why
from model.texts import text, words

_templates = Environment(
    loader=PackageLoader("central.desk"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

Drawn = dict[str, tuple[dict[str, Any], str, str]]
"""By incident: its facts, and how they and the steps look."""


class Pages:
    """In one language."""

    def __init__(self, lang: str, targets: Targets) -> None:
        self._lang = lang
        self._targets = targets

    def words(self, key: str, /, **params: object) -> str:
        return text(f"desk.{key}", self._lang, **params)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(_templates.get_template(template).render(self._common() | values), status)

    def screen(self, seen: Seen, session: Session, *, still: bool) -> HTMLResponse:
        """The whole desk, complete without a script."""
        said, session.said = session.said, ""
        values: dict[str, Any] = {
            "desk": desk(seen, self._targets),
            "seen": seen,
            "session": session,
            "said": said,
            "still": still,
        }
        return self.page("desk.html", **values, live=False)

    def blocks(self, seen: Seen, drawn: Drawn) -> dict[str, Any]:
        """The parts of that page that change, each as HTML, the same for all sessions; `facts` and `steps` by incident, `order`
        has the open incidents as they stand on it.

        `drawn` is what was drawn before: an incident that is still the same is not drawn again.
        """
        view = desk(seen, self._targets)
        part: Any = _templates.get_template("parts.html").make_module(self._common() | {"live": True})
        order = [card.facts["incident"] for card in view.open]
        for incident, card in zip(order, view.open, strict=True):
            if incident not in drawn or drawn[incident][0] != card.facts:
                drawn[incident] = card.facts, str(part.facts(card)), str(part.steps(card))
        for gone in drawn.keys() - set(order):
            del drawn[gone]
        return {
            "order": order,
            "unanswered": view.unanswered,
            "trouble": str(part.trouble(seen)),
            "closed": str(part.closed(view.closed)),
            "lifts": str(part.lifts(view.lifts)),
            "gateways": str(part.gateways(view.unheard)),
            "facts": {incident: facts for incident, (_, facts, _) in drawn.items()},
            "steps": {incident: steps for incident, (_, _, steps) in drawn.items()},
        }

    def _common(self) -> dict[str, Any]:
        return {
            "lang": self._lang,
            "t": self.words,
            "first_suspected": text("central.mark.first_suspected", self._lang),
            "state": lambda state: text(f"rescue_state.{state}", self._lang),
            "step": lambda step: text(f"central.step.{step}", self._lang),
            "fault": lambda name: self._code("fault", name),
            "mode": lambda name: self._code("mode", name),
            "via": lambda via: text(f"central.via.{via}", self._lang) if via else "–",
            "why": lambda said: why(said or "–", self._lang),
            "faults": list(words("lift_code")["fault"]),
            "at": _at,
            "level": level,
            "duration": duration,
        }

    def _code(self, what: str, name: str | int) -> str:
        """A canonical name in words; one that the catalogue has not, or a bare number, as it is."""
        return text(f"lift_code.{what}.{name}", self._lang) if name in words("lift_code")[what] else str(name)


def clock_time(micros: int | None) -> str:
    """On this machine's clock; one that no calendar holds as the number that it is."""
    if micros is None:
        return ""
    try:
        return datetime.fromtimestamp(micros / 1e6).astimezone().strftime("%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(micros)


def _at(micros: int | None) -> Markup:
    """A time of day; the script writes it on the clock of whoever looks."""
    return Markup('<time data-us="{}">{}</time>').format("" if micros is None else micros, clock_time(micros))
