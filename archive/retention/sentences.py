"""Sentences on a record's retention: why, until when, what then, and what is missing. Pure.

Each is a reason: a French message id with its values. ``brief`` sentences are those of a record
whose rule comes from its document type; the others also name version, text of law and node.
"""

from __future__ import annotations

from datetime import date
from typing import Final, assert_never

from archive.model.final_actions import FinalAction
from archive.retention.dates import START_EVENTS, FoundStart, Period, ToldBy
from archive.retention.declarations import Convention, Inherited, Level, Node, Path
from archive.retention.facts import Facts, FileFacts
from archive.retention.reasons import Lasting, Reason, Since, Value, Words
from archive.retention.rules import Rule

AFTERWARDS: Final = "afterwards"
"""Code of the reasons that tell what follows the end."""

# -- why: the node and the rule


def because(inherited: Inherited, rule: Rule, *, brief: bool) -> Words:
    """Say which node brought which rule: « parce que c’est une facture (règle …) »."""
    return _because(inherited.node, _named(rule, brief=brief))


def _named(rule: Rule, *, brief: bool) -> Words:
    if brief:
        return Words("règle {code}", {"code": rule.code})
    values: dict[str, Value] = {"code": rule.code, "version": rule.version, "law": rule.legal_text}
    if rule.legal_text:
        return Words("règle {code}, version {version}, {law}", values)
    return Words("règle {code}, version {version}", values)


def _because(node: Node, rule: Words) -> Words:
    values: dict[str, Value] = {"rule": rule, "code": node.code, "title": node.title}
    match node.level:
        case Level.RECORD:
            return Words("parce que c’est indiqué sur le document lui-même ({rule})", values)
        case Level.FILE:
            return Words("parce que le dossier {code} « {title} » le prévoit ({rule})", values)
        case Level.CLASS:
            return Words("parce que la classe {code} « {title} » le prévoit ({rule})", values)
        case Level.DOCUMENT_TYPE:
            return Words("parce que c’est {kind} ({rule})", values | {"kind": kind_of(node)})
        case level:
            assert_never(level)


def kind_of(node: Node) -> Value:
    """Return a document type with its article; without one for a type that the list lacks."""
    return node.phrase or of_type(node.title)


def of_type(label: str) -> Words:
    """Say « un document de type … », for a type without a known article."""
    return Words("un document de type « {label} »", {"label": label})


def place_of(node: Node) -> Words:
    """Say what a node is, after a verb."""
    values: dict[str, Value] = {"code": node.code, "title": node.title}
    match node.level:
        case Level.RECORD:
            return Words("le document lui-même")
        case Level.FILE:
            return Words("le dossier {code} « {title} »", values)
        case Level.CLASS:
            return Words("la classe {code} « {title} »", values)
        case Level.DOCUMENT_TYPE:
            return Words("le type de document « {title} »", values)
        case level:
            assert_never(level)


# -- the count


def lasting(rule: Rule) -> Lasting:
    """Return the duration of a rule that has one."""
    return Lasting(rule.duration or 0, rule.unit)


def counted_from(rule: Rule, found: FoundStart, facts: Facts, file: FileFacts | None) -> Words:
    """Say the duration and the event from which it is counted."""
    values: dict[str, Value] = {"duration": lasting(rule), "since": since(rule), "start": found.on or ""}
    if found.told_by is ToldBy.FISCAL_YEAR:
        values["year"] = facts.fiscal_year or ""
        return Words("{duration} à compter de la fin de l’exercice {year} ({start})", values)
    if found.told_by is ToldBy.FILE and file is not None:
        return _from_file(rule, values | {"code": file.code, "title": file.title})
    return Words("{duration} à compter {since} ({start})", values)


def _from_file(rule: Rule, values: dict[str, Value]) -> Words:
    start = START_EVENTS.get(rule.start_event)
    match start.period if start is not None else None:
        case None:
            return Words("{duration} à compter de la clôture du dossier {code} « {title} » ({start})", values)
        case Period.CALENDAR_YEAR:
            return Words(
                "{duration} à compter de la fin de l’année de clôture du dossier {code} « {title} » ({start})", values
            )
        case Period.FISCAL_YEAR:
            return Words(
                "{duration} à compter de la fin de l’exercice de clôture du dossier {code} « {title} » ({start})",
                values,
            )
        case Period.SCHOOL_YEAR:
            return Words(
                "{duration} à compter de la fin de l’année scolaire de clôture du dossier {code} « {title} » ({start})",
                values,
            )
        case period:
            assert_never(period)


def counted_from_given(rule: Rule, inherited: Inherited) -> Words:
    """Say the duration and the start that was given with the rule."""
    given, node = inherited.start, inherited.start_node or inherited.node
    assert given is not None  # noqa: S101  (asked for a given start only)
    values: dict[str, Value] = {"duration": lasting(rule), "start": given.on, "node": place_of(node)}
    match given.convention:
        case Convention.OURS:
            return Words("{duration} à compter du {start}, date donnée avec {node}", values)
        case Convention.SEDA:
            return Words("{duration} dont le premier jour est le {start}, date donnée avec {node}", values)
        case convention:
            assert_never(convention)


def since(rule: Rule) -> Value:
    """Return the start event of a rule, after « à compter »."""
    start = START_EVENTS.get(rule.start_event)
    return Since(start.phrase) if start is not None else Words("de « {event} »", {"event": rule.start_event})


# -- dates


def dated(rule: Rule, why: Words, count: Words, end: date) -> tuple[Reason, ...]:
    """Say until when a rule keeps, and what follows."""
    values: dict[str, Value] = {"end": end, "because": why, "count": count}
    match rule.final_action:
        case FinalAction.KEEP:
            kept = Reason(
                "ends_on",
                "Définitivement, {because} : le service en a besoin {count}, jusqu’au {end}, "
                "puis les archives le gardent pour toujours.",
                values,
            )
            return (kept,)
        case FinalAction.SORT:
            then = Reason(AFTERWARDS, "Un archiviste choisira ensuite ce qui est gardé et ce qui est éliminé.")
        case FinalAction.DESTROY if rule.validated:
            then = Reason(AFTERWARDS, "Il pourra ensuite être éliminé, avec un visa.")
        case FinalAction.DESTROY:
            then = Reason(
                AFTERWARDS,
                "Il ne sera pas éliminé avant qu’un archiviste ait validé cette règle et obtenu un visa.",
            )
        case action:
            assert_never(action)
    return Reason("ends_on", "Jusqu’au {end}, {because} : {count}.", values), then


def due(action: FinalAction, day: date) -> Reason:
    """Say the first day on which anything may be executed."""
    if action.kept_for_ever:
        return Reason("due_on", "Il peut être transmis aux archives à partir du {due}.", {"due": day})
    return Reason("due_on", "Rien n’en est éliminé avant le {due}.", {"due": day})


def by_visa(reference: str, day: date, *, keeps: bool) -> Reason:
    """Say that a visa decided what becomes of a record: which bordereau, which day."""
    values: dict[str, Value] = {"reference": reference, "day": day}
    if keeps:
        return Reason(
            "kept_by_visa", "Le visa donné le {day} sur le bordereau {reference} le fait garder définitivement.", values
        )
    return Reason("sorted_by_visa", "Le visa donné le {day} sur le bordereau {reference} demande de le trier.", values)


# -- no date


def without_limit(why: Words) -> Reason:
    """Say that the duration of a rule never ends."""
    return Reason("unlimited", "Sans limite de durée, {because}.", {"because": why})


def beyond_calendar(rule: Rule, why: Words, count: Words) -> Reason:
    """Say that an end lies beyond the calendar."""
    values: dict[str, Value] = {"because": why, "count": count}
    return Reason(
        "end_beyond_calendar",
        "Définitivement, {because} : {count} dépassent le calendrier. Vérifiez cette date."
        if rule.final_action.kept_for_ever
        else "Sans date de fin, {because} : {count} dépassent le calendrier. Vérifiez cette date.",
        values,
    )


def without_start(rule: Rule, why: Words, found: FoundStart, file: FileFacts | None) -> Reason:
    """Say which date is missing for the count."""
    values: dict[str, Value] = {
        "because": why,
        "duration": lasting(rule),
        "since": since(rule),
        "missing": _missing(found, file),
    }
    return Reason(
        "start_missing",
        "Définitivement, {because} : {duration} à compter {since}, et {missing}."
        if rule.final_action.kept_for_ever
        else "Sans date de fin pour l’instant, {because} : {duration} à compter {since}, et {missing}.",
        values,
    )


def _missing(found: FoundStart, file: FileFacts | None) -> Words:
    match found.told_by:
        case ToldBy.DOCUMENT_DATE | ToldBy.FISCAL_YEAR:
            return Words("il manque la date du document")
        case ToldBy.CLOSED_ON:
            return Words("il manque la date de clôture")
        case ToldBy.FILE:
            values: dict[str, Value] = {"code": file.code if file else "", "title": file.title if file else ""}
            return Words("le dossier {code} « {title} » n’est pas clos", values)
        case ToldBy.EVENT if file is not None:
            return Words("aucun événement n’en a donné la date")
        case ToldBy.EVENT | ToldBy.NOTHING:
            return Words("cette date n’est pas connue ici")
        case told_by:
            assert_never(told_by)


def unsure(rule: Rule, why: Words) -> Reason:
    """Say that a rule gives no end before it is validated."""
    return Reason(
        "rule_unsure",
        "Sans date de fin pour l’instant, {because} : la source de cette règle n’a pas été lue en entier, "
        "et aucun archiviste ne l’a encore validée.",
        {"because": why, "code": rule.code},
    )


def blocked(node: Node) -> Reason:
    """Say that a node cuts what would be inherited, and declares nothing."""
    return Reason(
        "blocked",
        "Définitivement, sans date de fin : {node} n’hérite d’aucune règle et n’en donne pas.",
        {"node": place_of(node)},
    )


def unknown_rule(inherited: Inherited) -> Reason:
    """Say that the retention schedule lacks a rule that a node names."""
    return Reason(
        "rule_unknown",
        "Sans date de fin : la règle {code}, donnée par {node}, n’est pas dans le tableau de gestion. À corriger. "
        "Rien n’est éliminé sans règle.",
        {"code": inherited.rule, "node": place_of(inherited.node)},
    )


def without_rule(path: Path) -> Reason:
    """Say why no rule is in force along a path."""
    kind = next((node for node in path if node.level is Level.DOCUMENT_TYPE), None)
    if kind is None:
        code, why = "type_missing", Words("le type du document n’est pas indiqué")
    elif kind.phrase is None:
        code = "type_unknown"
        why = Words("le type « {label} » n’est pas dans la liste du service", {"label": kind.title})
    else:
        code, why = "rule_missing", Words("aucune règle n’est donnée pour {kind}", {"kind": kind.phrase})
    return Reason(code, "Sans date de fin, parce que {why} : à compléter. Rien n’est éliminé sans règle.", {"why": why})


# -- several rules


def several(*, dated: bool) -> Reason:
    """Say that the retention of each of several rules must be over."""
    if dated:
        return Reason("several_rules", "Toutes ces durées doivent être écoulées : la plus tardive l’emporte.")
    return Reason("several_rules", "Toutes ces règles s’appliquent : tant que l’une n’a pas de fin, il n’y en a pas.")


def conflict(action: FinalAction) -> Reason:
    """Say that final actions differ, and which one counts until somebody has decided."""
    return Reason(
        "final_action_conflict",
        "Ces règles ne prévoient pas le même sort final : rien ne part avant qu’un archiviste ait choisi. "
        "D’ici là, le plus prudent vaut : {action}.",
        {"action": Words(action.label)},
    )


# -- what stands in the way on a day


def held(until: date | None) -> Reason:
    """Say that a hold is in force, and until when."""
    if until is None:
        return Reason("hold", "Un gel est en vigueur : rien ne part avant sa levée.")
    return Reason("hold", "Un gel est en vigueur jusqu’au {until} inclus.", {"until": until})


def in_disposal() -> Reason:
    """Say that a running disposal has the record."""
    return Reason("disposal_running", "Il est déjà dans une élimination ou un transfert en cours.")


def not_validated() -> Reason:
    """Say that a rule in force is a draft."""
    return Reason("rule_not_validated", "Une règle qui s’applique n’est pas validée par un archiviste.")


def stale() -> Reason:
    """Say that dates are about to be computed again."""
    return Reason("stale", "Ses dates sont à recalculer, après un changement de règle, de classement ou d’événement.")


def not_yet(due_on: date) -> Reason:
    """Say that the retention is not over."""
    return Reason("not_yet", "Sa durée de conservation n’est pas écoulée : pas avant le {due}.", {"due": due_on})


def to_sort() -> Reason:
    """Say that nobody has decided yet what is kept."""
    return Reason("to_sort", "Personne n’a encore choisi s’il est gardé ou éliminé.")


def not_before(day: date) -> Reason:
    """Say that a controller lets it go from a day only."""
    return Reason("not_before", "Le contrôleur l’a refusé avant le {day}.", {"day": day})


def locked_until(day: date) -> Reason:
    """Say that a store still locks it."""
    return Reason("locked_until", "Le magasin le verrouille jusqu’au {day} inclus.", {"day": day})


def may_go(day: date) -> Reason:
    """Say the first day on which it may go, as far as days decide."""
    return Reason("may_go_on", "Premier jour où il peut partir : {day}.", {"day": day})
