"""Numbers, sizes, dates and durations in words, in the page's language."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from api.http.i18n import MONTHS_OF, _, current_language, day_in_words, number
from api.http.typography import HARD

_DAYS = {
    "fr": ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}


def _zone() -> ZoneInfo | None:
    try:
        return ZoneInfo("Europe/Paris")
    except ZoneInfoNotFoundError:  # a machine without a time zone database shows UTC, as the page states
        return None


PARIS = _zone()


def local(moment: datetime | str) -> datetime:
    """Return a moment in the time zone of Paris; unchanged where that zone is missing."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.astimezone(PARIS) if PARIS is not None else moment


def zone_name() -> Markup:
    """Return the name of the time zone that the pages show."""
    return _("heure de Paris") if PARIS is not None else _("temps universel")


def decimal(value: float, digits: int = 1) -> str:
    """Format a number with the language's decimal sign, without trailing zeros."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(".", ",") if current_language() == "fr" else text


def percent(share: float) -> str:
    """Format ``0.94`` as ``94 %``; always rounded down, so that 100 % is never shown too early."""
    value = int(share * 100 + 1e-9)
    return f"{value}{HARD}%" if current_language() == "fr" else f"{value}%"


def size(octets: int) -> str:
    """Format a number of bytes: ``48211`` as ``48 ko``."""
    french = current_language() == "fr"
    amount: float = octets
    if octets < 1000:
        return f"{number(octets)}{HARD}{_('octets') if octets > 1 else _('octet')}"
    for unit in ("ko", "Mo", "Go", "To"):
        amount /= 1000
        if amount < 999.5 or unit == "To":
            break
    shown = decimal(amount, 1 if amount < 10 else 0)
    return f"{shown}{HARD}{unit if french else unit.replace('k', 'k')[0] + 'B'}"


def day(value: date | datetime | str | None) -> str:
    """Format a date: ``2026-03-12`` as ``12 mars 2026``; None as an empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        value = local(value) if "T" in value else date.fromisoformat(value)
    elif isinstance(value, datetime):
        value = local(value)
    return day_in_words(value, current_language())


def month(value: date) -> str:
    """Return month and year: ``mars 2026``."""
    return f"{MONTHS_OF[current_language()][value.month - 1]}{HARD}{value.year}"


def weekday(value: date | datetime) -> str:
    """Return the day of the week, such as ``mardi``."""
    if isinstance(value, datetime):
        value = local(value)
    return _DAYS[current_language()][value.weekday()]


def hour(moment: datetime | str, *, seconds: bool = False) -> str:
    """Format a time of day: ``9 h 12`` or ``9 h 12 min 04 s``."""
    at = local(moment)
    if current_language() != "fr":
        return at.strftime("%H:%M:%S" if seconds else "%H:%M")
    text = f"{at.hour}{HARD}h{HARD}{at.minute:02d}"
    return f"{text}{HARD}min{HARD}{at.second:02d}{HARD}s" if seconds else text


def near_day(moment: datetime | str, now: datetime) -> str:
    """Return ``Aujourd’hui``, ``Hier`` or the date."""
    at, today = local(moment).date(), local(now).date()
    distance = (today - at).days
    if distance == 0:
        return str(_("Aujourd’hui"))
    if distance == 1:
        return str(_("Hier"))
    return day(at)


def moment(value: datetime | str) -> str:
    """Format a date and time: ``12 mars 2026 à 9 h 12``."""
    return str(_("{day} à {hour}", day=day(local(value)), hour=hour(value)))


def span(seconds: float) -> str:
    """Format a duration in its two largest units that are not zero."""
    whole = int(seconds)
    if whole < 1:
        return str(_("moins d’une seconde"))
    parts: list[str] = []
    for unit, length in ((_("j"), 86400), (_("h"), 3600), (_("min"), 60), (_("s"), 1)):
        amount, whole = divmod(whole, length)
        if amount:
            parts.append(f"{amount}{HARD}{unit}")
    return " ".join(parts[:2])


def digest(text: str) -> str:
    """Format a hexadecimal digest in groups of four, so that an eye can follow it."""
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))
