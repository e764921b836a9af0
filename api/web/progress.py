"""The progress of a deposit in words: from its JSON view to the steps that a page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from api.http.i18n import _, ngettext, number, said
from api.web import quantities
from ingestion.stages.registry import StageSpec, counts_pages, step_named

View = Mapping[str, Any]
NOTHING = Markup()

_LOOKS = {
    "waiting": ("none", "none", "à venir"),
    "running": ("wait", "now", "en cours"),
    "done": ("ok", "check", "fait"),
    "skipped": ("none", "none", "sans objet"),
    "failed": ("warn", "warn", "n’a pas abouti"),
}


@dataclass(frozen=True)
class Badge:
    """A state: an icon, a word, then a reason.

    Attributes:
        kind: The colour: ``ok``, ``warn``, ``bad``, ``wait`` or ``none``.
        icon: Name of the icon in ``icons.svg``.
    """

    kind: str
    icon: str
    word: Markup
    reason: Markup = NOTHING


@dataclass(frozen=True)
class Step:
    """One line of the list of steps."""

    kind: str
    icon: str
    name: Markup
    state: Markup
    sentence: Markup
    time: str
    current: bool


@dataclass(frozen=True)
class Progress:
    """The block that follows a deposit on its page.

    Attributes:
        over: Whether nothing will change by itself any more.
        share: 0, 25, 50, 75 or 100 per cent; screen readers announce only changes of this number.
    """

    steps: tuple[Step, ...]
    number: int
    headline: Badge
    done_pages: int | None
    total_pages: int | None
    over: bool
    share: int
    failed: bool


def progress(view: View) -> Progress:
    """Make the steps and the headline from a deposit's view."""
    stages: list[View] = view["stages"]
    steps = (_received(view), *(_step(stage) for stage in stages))
    finished = sum(stage["state"] in {"done", "skipped", "failed"} for stage in stages)
    running = next((stage for stage in stages if stage["state"] == "running"), None)
    paged = running is not None and counts_pages(running["name"]) and bool(running["total"])
    return Progress(
        steps=steps,
        number=min(finished + 2, len(steps)),
        headline=badge(view),
        done_pages=running["done"] or 0 if paged and running is not None else None,
        total_pages=running["total"] if paged and running is not None else None,
        over=_is_over(view),
        share=100 if _is_over(view) else (finished * 100 // len(stages)) // 25 * 25,
        failed=any(stage["state"] == "failed" for stage in stages),
    )


def _is_over(view: View) -> bool:
    if view["state"] in {"quarantined", "refused", "unpacked"}:
        return True
    return view["state"] == "kept" and all(s["state"] not in {"waiting", "running"} for s in view["stages"])


def _received(view: View) -> Step:
    return Step(
        "ok",
        "check",
        _("Recevoir"),
        _("fait"),
        _("Nous avons relu vos {size} : rien n’a changé en route.", size=quantities.size(view["size"])),
        quantities.hour(view["received_at"], seconds=True),
        current=False,
    )


def _step(stage: View) -> Step:
    step, state = step_named(stage["name"]), stage["state"]
    kind, icon, word = _LOOKS[state]
    if state == "done" and isinstance(step, StageSpec) and step.partial and stage["detail"]:
        kind, icon, word = "warn", "warn", "fait, avec une réserve"
    if stage["detail"]:
        sentence = said(stage["detail"])
    elif state == "running" and stage["total"]:
        sentence = pages_read(stage["done"] or 0, stage["total"])
    else:
        sentence = said(step.outcome if state == "done" else step.promise)
    time = quantities.hour(stage["ended_at"], seconds=True) if stage["ended_at"] else ""
    if state == "running" and stage["started_at"]:
        time = str(_("depuis {hour}", hour=quantities.hour(stage["started_at"])))
    return Step(kind, icon, said(step.task), _(word), sentence, time, current=state == "running")


def pages_read(done: int, total: int) -> Markup:
    """Return a sentence such as ``34 pages lues sur 120.``."""
    return ngettext("{n} page lue sur {total}.", "{n} pages lues sur {total}.", done, total=number(total))


def badge(view: View) -> Badge:
    """Return the state of a deposit: one word and one reason."""
    state = view["state"]
    if state in {"quarantined", "refused", "unpacked"}:
        return _stopped_badge(view)
    if state == "kept":
        return _kept_badge(view)
    running = next((stage for stage in view["stages"] if stage["state"] == "running"), None)
    if running is None:
        held = next((stage for stage in view["stages"] if stage["state"] == "waiting" and stage["detail"]), None)
        if held is not None:
            act = said(step_named(held["name"]).label)
            return Badge("warn", "clock", _("{act} en attente", act=act), said(held["detail"]))
        return Badge("wait", "clock", _("Reçu, en attente"), _("Vous pouvez fermer cette page."))
    reason = pages_read(running["done"] or 0, running["total"]) if running["total"] else NOTHING
    return Badge("wait", "clock", _("{act} en cours", act=said(step_named(running["name"]).label)), reason)


def _stopped_badge(view: View) -> Badge:
    if view["state"] == "quarantined":
        return Badge("bad", "lock", _("Mis à part"), problem_of(view) or _("Un archiviste doit décider."))
    if view["state"] == "refused":
        return Badge("bad", "cross", _("Refusé"), problem_of(view))
    return Badge("ok", "check", _("Paquet ouvert"), _("Chacune de ses unités est rangée à part."))


def _kept_badge(view: View) -> Badge:
    failed = next((stage for stage in view["stages"] if stage["state"] == "failed"), None)
    if failed is not None:
        step = step_named(failed["name"])
        reason = said(failed["detail"] or (step.failing if isinstance(step, StageSpec) else step.task))
        return Badge("warn", "warn", _("Conservé, avec une réserve"), reason)
    if view["stages"][-1]["state"] != "done":
        return Badge("ok", "check", _("Conservé"), _("Il sera trouvable dans un instant."))
    return Badge("ok", "check", _("Conservé"))


def problem_of(view: View) -> Markup:
    """Return why a deposit stopped, and what to do; empty when it has no problem."""
    problem = view["problem"]
    if not problem:
        return Markup()
    return Markup(" ").join(part for part in (said(problem["detail"]), said(problem["action"])) if part)
