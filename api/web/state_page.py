"""The view-model of the administrator's page, made without HTTP: parts, queue, disk, proofs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, assert_never

from cryptography import x509
from markupsafe import Markup

from api.http.i18n import _, ngettext, said
from api.operations.deadlines import NAMES, deadlines
from api.operations.health import AWAY, DEGRADED, OK, Component, Health
from api.operations.holdings_state import Checkpoint, HoldingsState, NotIntact, holdings_state
from api.web import quantities
from api.web.progress import Badge
from api.web.verdicts import fixity_badge
from archive.custody import reports
from archive.model.time_sense import Doubt as Reason
from signing.ground.clock import parse_stamp
from signing.ground.errors import ChartrierError

if TYPE_CHECKING:
    from ingestion.assembly import System

_NAMES = {
    "database": "Base de données",
    "store": "Coffre de stockage",
    "broker": "File des travaux",
    "worker": "Lecture et conversion",
    "search": "Recherche",
    "journal": "Journal des preuves",
    "clock": "Horloge",
    "trust": "Dossier de confiance",
}
_BADGES = {
    OK: ("ok", "check", "Fonctionne"),
    DEGRADED: ("warn", "warn", "À surveiller"),
    AWAY: ("bad", "cross", "Ne répond pas"),
}
_BANDS = ("Un agent devant son écran", "Dépôts en nombre", "Travaux de nuit")
"""French name of each band of priorities of the queue."""
_EXPIRY_WARNING = timedelta(days=90)
_DEADLINES = (
    ("ok", "check", "Lointaine"),
    ("none", "clock", "Dans l’année"),
    ("warn", "warn", "Proche"),
    ("bad", "cross", "À remplacer"),
)
_RUNS = {"reconcile": "Rapprochement", "copies": "Seconde copie", "rebuild": "Reconstruction"}


@dataclass(frozen=True)
class Doubt:
    """The doubt about the clock: what it shows now, and why it is not believed."""

    shows: str
    why: Markup


@dataclass(frozen=True)
class ShownComponent:
    """One part of the service: its state, since when, and the figures behind it."""

    name: Markup
    badge: Badge
    since: str
    detail: Markup


@dataclass(frozen=True)
class ShownWaiting:
    """One band of the queue: its name, its number of deposits, and the age of the oldest."""

    name: Markup
    number: int
    age: str


@dataclass(frozen=True)
class ShownRecord:
    """A record that is not intact."""

    href: str
    title: str
    word: Markup


@dataclass(frozen=True)
class Integrity:
    """Number of records, number ever verified, and the records found not intact."""

    records: int
    verified: int
    damaged: tuple[ShownRecord, ...]
    doubtful: tuple[ShownRecord, ...]


@dataclass(frozen=True)
class Inspection:
    """The latest run of one kind over the whole holdings: reconciliation, copy or rebuild."""

    name: Markup
    badge: Badge
    moment: str


@dataclass(frozen=True)
class ShownAlarm:
    """What the journal contradicts: subject, facts that differ, since when."""

    subject: str
    detail: str
    since: str


@dataclass(frozen=True)
class Seal:
    """The seal certificate: its subject, its end, and whether it is probative."""

    badge: Badge
    subject: str
    until: str
    probative: bool


@dataclass(frozen=True)
class ShownDeadline:
    """A certificate that ends: what rests on it, its last day, and the days left."""

    name: Markup
    badge: Badge
    until: str
    left: Markup


@dataclass(frozen=True)
class Disk:
    """Space on the disk of the data folder, in words."""

    used: str
    total: str
    free: str


@dataclass(frozen=True)
class StatePage:
    """The state of the installation, as the administrator of a tenant sees it.

    Attributes:
        hour: Time of day of this reading.
        title: The worst known state, in words.
        oldest: Age of the oldest waiting deposit; empty when none waits.
        probe: Time and result of the store's last probe; None before the first.
        entries: Number of journal entries.
        contradicted: What the journal contradicts.
    """

    template: ClassVar[str] = "etat.html"
    tab: ClassVar[str] = "etat"
    help_anchor: ClassVar[str] = "etat"
    json_href: ClassVar[str] = "/health/ready"

    hour: str
    title: Markup
    components: tuple[ShownComponent, ...]
    counts: str
    queue: tuple[ShownWaiting, ...]
    oldest: str
    disk: Disk
    integrity: Integrity
    inspections: tuple[Inspection, ...]
    seal: Seal
    deadlines: tuple[ShownDeadline, ...]
    timestamper: str
    timestamps_probative: bool
    enforced: bool
    probe: tuple[str, Markup] | None
    checkpoint: Checkpoint | None
    entries: int
    contradicted: tuple[ShownAlarm, ...]
    doubt: Doubt | None

    @property
    def troubles(self) -> tuple[ShownComponent, ...]:
        """Return the parts that don't work as they should."""
        return tuple(item for item in self.components if item.badge.kind != "ok")


def state_page(system: System, health: Health, tenant: str) -> StatePage:
    """Return the state of the installation, in the current language."""
    now = system.clock()
    components = health.components()
    state = _read(system, tenant)
    room = shutil.disk_usage(system.settings.home)
    first = min((waiting.first for waiting in state.queue if waiting.first is not None), default=None)
    return StatePage(
        hour=quantities.hour(now),
        title=_title(components),
        components=tuple(_component(component, now) for component in components),
        counts=_counts(components),
        queue=_queue(state, now),
        oldest=quantities.span((now - first).total_seconds()) if first is not None else "",
        disk=Disk(quantities.size(room.used), quantities.size(room.total), quantities.size(room.free)),
        integrity=Integrity(
            state.records,
            state.verified,
            tuple(_record(found) for found in state.damaged),
            tuple(_record(found) for found in state.doubtful),
        ),
        inspections=tuple(_inspections(system)),
        seal=_seal(system, now),
        deadlines=tuple(_deadlines(system, now)),
        timestamper=system.timestamper.name,
        timestamps_probative=system.timestamper.probative,
        enforced=str(system.store.assurance) == "enforced",
        probe=_probe(health),
        checkpoint=state.checkpoint,
        entries=state.entries,
        contradicted=tuple(
            ShownAlarm(alarm.subject, alarm.detail, quantities.moment(alarm.since)) for alarm in state.contradicted
        ),
        doubt=_doubt(system, now),
    )


def _read(system: System, tenant: str) -> HoldingsState:
    """Read the state of the holdings; empty when the database is away: the page is still shown."""
    try:
        with system.database.read() as session:
            return holdings_state(session, tenant)
    except ChartrierError:
        return HoldingsState()


def _doubt(system: System, now: datetime) -> Doubt | None:
    """Return the doubt about the clock; None while it is trusted, or the database is away."""
    try:
        known = system.time_sense.sense()
    except ChartrierError:
        return None
    if known.trusted or known.reason is None:
        return None
    shown = quantities.span(abs(known.difference or 0))
    match known.reason:
        case Reason.AHEAD:
            why = _("Elle a avancé de {span} sans que rien ne le confirme.", span=shown)
        case Reason.BACK:
            why = _("Elle a reculé de {span} par rapport au journal.", span=shown)
        case Reason.APART:
            why = _("Une horloge extérieure s’en écarte de {span}.", span=shown)
        case reason:
            assert_never(reason)
    return Doubt(quantities.moment(now), why)


def _component(component: Component, now: datetime) -> ShownComponent:
    name = _(_NAMES.get(component.name, component.name))
    return ShownComponent(name, _badge(component), _since(component, now), said(component.detail))


def _badge(component: Component) -> Badge:
    kind, icon, word = _BADGES[component.state]
    return Badge(kind, icon, _(word))


def _since(component: Component, now: datetime) -> str:
    if component.since is None:
        return ""
    return f"{quantities.near_day(component.since, now)}, {quantities.hour(component.since)}"


def _title(components: tuple[Component, ...]) -> Markup:
    away = sum(component.state == AWAY for component in components)
    if away:
        return ngettext("Un composant ne répond pas", "{n} composants ne répondent pas", away)
    if any(component.state == DEGRADED for component in components):
        return _("Le service fonctionne, un point est à surveiller")
    return _("Tout fonctionne")


def _counts(components: tuple[Component, ...]) -> str:
    found = [
        (sum(c.state == OK for c in components), "{n} fonctionne", "{n} fonctionnent"),
        (sum(c.state == DEGRADED for c in components), "{n} à surveiller", "{n} à surveiller"),
        (sum(c.state == AWAY for c in components), "{n} arrêté", "{n} arrêtés"),
    ]
    return ", ".join(str(ngettext(one, many, n)) for n, one, many in found if n)


def _queue(state: HoldingsState, now: datetime) -> tuple[ShownWaiting, ...]:
    """Return the bands of the queue; none while the database is away."""
    if not state.queue:
        return ()
    return tuple(
        ShownWaiting(
            _(name),
            waiting.number,
            quantities.span((now - waiting.first).total_seconds()) if waiting.first is not None else "–",
        )
        for name, waiting in zip(_BANDS, state.queue, strict=True)
    )


def _record(found: NotIntact) -> ShownRecord:
    return ShownRecord(f"/documents/{found.record_id}", found.title, fixity_badge(found.verdict).word)


def _inspections(system: System) -> list[Inspection]:
    """Return the latest run of each kind; none while the database is away."""
    try:
        with system.database.read() as session:
            rows = [reports.latest(session, name) for name in _RUNS]
    except ChartrierError:
        return []
    shown = []
    for row in rows:
        if row is None:
            continue
        found = int(row.facts.get("open", sum(row.facts.get("counts", {}).values())))
        if row.ended_at is None:
            badge = Badge("warn", "warn", _("En cours"))
        elif row.verdict == reports.AGREED:
            badge = Badge("ok", "check", _("Tout concorde"))
        else:
            badge = Badge("bad", "cross", ngettext("{n} écart", "{n} écarts", found))
        shown.append(Inspection(_(_RUNS[row.name]), badge, quantities.moment(row.ended_at or row.started_at)))
    return shown


def _probe(health: Health) -> tuple[str, Markup] | None:
    shown = health.probe()
    return (quantities.moment(parse_stamp(shown["at"])), said(shown["reason"])) if shown is not None else None


def _seal(system: System, now: datetime) -> Seal:
    try:
        probative = system.signer.probative
        certificate = x509.load_der_x509_certificate(system.signer.certificate)
    except ChartrierError as error:
        return Seal(Badge("bad", "cross", _("Ne répond pas")), str(error), "", probative=False)
    until = certificate.not_valid_after_utc
    subject = ", ".join(str(part.value) for part in certificate.subject)
    if until <= now:
        badge = Badge("bad", "cross", _("Expiré"))
    elif until - now < _EXPIRY_WARNING:
        badge = Badge("warn", "warn", _("Expire bientôt"))
    elif not probative:
        badge = Badge("warn", "warn", _("Sans valeur probante"))
    else:
        badge = Badge("ok", "seal", _("Valable"))
    return Seal(badge, subject, quantities.day(until), probative)


def _deadlines(system: System, now: datetime) -> list[ShownDeadline]:
    """Return what ends and when; nothing while the database or the signer is away."""
    try:
        found = deadlines(system)
    except ChartrierError:
        return []
    shown = []
    for one in found:
        kind, icon, word = _DEADLINES[one.level(now)]
        days = one.days_left(now)
        left = ngettext("{n} jour restant", "{n} jours restants", days) if days >= 0 else _("Expiré")
        shown.append(
            ShownDeadline(_(NAMES[one.what]), Badge(kind, icon, _(word)), quantities.day(one.validity.ends), left)
        )
    return shown
