"""Minutes of a stocktaking: *procès-verbal de récolement, de décharge et de prise en charge*. Pure.

The same statement gives the same bytes: they are made again to finish what a crash interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from archive.disposition.reports.stocktaking import Seen
from archive.disposition.reports.words import NOTHING, between, count, day, metres, number, size
from archive.exchange.reports.blocks import (
    Block,
    Column,
    Heading,
    PageBreak,
    Paragraph,
    Report,
    SignaturePlace,
    Signatures,
    Table,
)
from archive.model.states import RecordState
from archive.objects.fixity import Fixity
from signing.ground.clock import parse_stamp

TITLE: Final = "Procès-verbal de récolement, de décharge et de prise en charge des archives"
_LAW: Final = (
    "Établi en application de l’arrêté du 31 décembre 1926 portant règlement des archives communales, "
    "articles 4, 62 et 63, qui rend le récolement obligatoire à chaque changement de maire ou renouvellement "
    "de la municipalité."
)
_COPIES: Final = (
    "Établi en trois exemplaires : ☐ pour la commune, ☐ pour la personne qui quitte ses fonctions, "
    "☐ pour la direction des Archives départementales."
)
_VERDICTS: Final = {
    Fixity.INTACT: ("Intacts", "Relus en entier, conformes à leur empreinte et au journal"),
    Fixity.ALTERED: ("Altérés", "Leurs octets ne sont plus ceux qui ont été reçus"),
    Fixity.MISSING: ("Manquants", "Le magasin n’a plus leurs octets"),
    Fixity.UNVERIFIABLE: ("Non vérifiables", "Le contrôle n’a pas pu conclure : ni intacts, ni altérés"),
}
_SEEN: Final = {
    Seen.YES: "Vues à leur place",
    Seen.NO: "Absentes de leur place",
    Seen.NOT_LOOKED: "Non regardées",
}
_WORD: Final = {
    Fixity.ALTERED: "altéré",
    Fixity.MISSING: "manquant",
    Fixity.UNVERIFIABLE: "non vérifiable",
}


def minutes(name: str, body: Mapping[str, Any], counted_at: datetime) -> Report:
    """Return the minutes of a stocktaking.

    Args:
        name: The tenant's.
        body: Of the statement that has the figures.
    """
    told = body["figures"]
    return Report(
        TITLE,
        name,
        day(body["made_on"]),
        counted_at,
        _blocks(name, body, told),
        subtitle=(f"{name}, récolement du {day(body['made_on'])}",),
        head=head_in_words(told["head"]),
        footers=("Scellé par cette installation de Chartrier ; son empreinte est au journal (ReportIssued).",),
    )


def head_in_words(head: Mapping[str, Any] | None) -> str:
    """Say the sealed head of the journal."""
    if head is None:
        return "Le journal n’est pas encore scellé."
    return f"Journal scellé : {number(head['size'])} lignes, racine {head['root']}"


def _blocks(name: str, body: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Block]:
    yield Paragraph(_LAW)
    yield Paragraph(_COPIES)
    yield Paragraph(_who(name, body))
    if body["remark"]:
        yield Paragraph(f"Observation : {body['remark']}")
    yield Heading("Ce que les archives contiennent")
    yield Paragraph(_contents(told))
    yield _series(told)
    if told["series_left_out"]:
        left = count(told["series_left_out"], "classe n’est pas détaillée", "classes ne sont pas détaillées")
        yield Paragraph(f"{left} ci-dessus ; leurs documents comptent dans les totaux.")
    yield from _paper(told["paper"])
    yield from _lacunae(told)
    yield from _fixity(told)
    yield Heading("Le journal, ce jour-là")
    yield Paragraph(_journal(told["head"]))
    yield PageBreak()
    yield from _signatures(name, body)


def _who(name: str, body: Mapping[str, Any]) -> str:
    outgoing, incoming, made = body["outgoing"], body["incoming"], body["archivist"]
    elected = f"À la suite de l’élection du {day(body['elected_on'])}, "
    by = f"le récolement a été fait le {day(body['made_on'])} par {made['name']}, {made['quality']}. "
    if incoming is None:
        return f"{elected}{by}{outgoing['name']}, {outgoing['quality']}, reste en fonctions et garde la charge."
    return (
        f"{elected}{by}{outgoing['name']}, {outgoing['quality']}, reçoit décharge des archives de « {name} » ; "
        f"{incoming['name']}, {incoming['quality']}, les prend en charge, dans l’état décrit ci-après."
    )


def _contents(told: Mapping[str, Any]) -> str:
    records = count(told["records"], "document numérique", "documents numériques")
    sentences = [f"{records}, {size(told['bytes'])}, datés de {between(told['first'], told['latest'])}."]
    loose = told["unfiled"]
    if loose["records"]:
        sentences.append(
            f"Parmi eux, {count(loose['records'], 'n’est placé', 'ne sont placés')} dans aucune classe "
            f"({size(loose['bytes'])})."
        )
    gone = told["gone"]
    for state, word in ((RecordState.DISPOSED, "éliminé"), (RecordState.TRANSFERRED, "transféré")):
        if gone.get(state.value):
            sentences.append(
                "Depuis l’ouverture, "
                f"{count(gone[state.value], f'document a été {word}', f'documents ont été {word}s')} "
                "régulièrement ; le registre des éliminations en donne le détail."
            )
    return " ".join(sentences)


def _series(told: Mapping[str, Any]) -> Table:
    columns = (
        Column("Série", 2),
        Column("Intitulé", 6),
        Column("Dates extrêmes", 2),
        Column("Dossiers", 1.5, right=True),
        Column("Documents", 1.7, right=True),
        Column("Volume", 1.8, right=True),
        Column("Papier", 2, right=True),
    )
    rows = [
        (
            ("\u00a0\u00a0" * (one["level"] - 1)) + one["code"],
            one["title"],
            between(one["first"], one["latest"]),
            number(one["files"]),
            number(one["records"]),
            size(one["bytes"]),
            metres(one["metres"]) if one["units"] else NOTHING,
        )
        for one in told["series"]
    ]
    loose = told["unfiled"]
    rows.append(("–", "Hors plan", NOTHING, NOTHING, number(loose["records"]), size(loose["bytes"]), NOTHING))
    total = ("", "Ensemble", between(told["first"], told["latest"]), "", number(told["records"]), size(told["bytes"]))
    return Table(columns, rows, (*total, metres(_metres(told["paper"]))))


def _metres(paper: Mapping[str, Any]) -> Decimal:
    return sum((Decimal(one) for one in paper["metres"].values()), Decimal(0))


def _paper(paper: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading("Les unités sur papier ou autre support")
    whole = sum(paper["units"].values())
    if not whole:
        yield Paragraph("Aucune n’est déclarée.")
        return
    columns = (Column("Constat sur les rayons", 4), Column("Unités", 1, right=True), Column("Métrage", 1, right=True))
    rows = [
        (_SEEN[one], number(paper["units"][one.value]), metres(paper["metres"][one.value]))
        for one in Seen
        if paper["units"][one.value]
    ]
    yield Table(columns, rows, ("Déclarées", number(whole), metres(_metres(paper))))
    if paper["unmeasured"]:
        yield Paragraph(f"{count(paper['unmeasured'], 'unité n’a', 'unités n’ont')} pas de métrage.")
    yield from _listed("Unités absentes de leur place", paper["missing"], ("code", "title", "place"), 3)


def _lacunae(told: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading("Lacunes")
    doubtful, empty, gaps = told["fixity"]["doubtful"], told["empty_files"], told["gaps"]
    if not (doubtful["number"] or empty["number"] or gaps["number"] or told["paper"]["missing"]["number"]):
        yield Paragraph("Aucune n’est connue.")
        return
    if doubtful["number"]:
        columns = (Column("Document", 5.5), Column("Intitulé", 4.5), Column("Constat", 2), Column("Vérifié le", 2))
        rows = [
            (one["record"], one["title"] or "Lecture réservée", _WORD[Fixity(one["verdict"])], day(one["at"][:10]))
            for one in doubtful["listed"]
        ]
        yield Paragraph("Documents qui ne sont pas intacts, ou dont on ne sait pas s’ils le sont", bold=True)
        yield Table(columns, rows)
        yield from _rest(doubtful)
    yield from _listed("Dossiers sans aucun document", empty, ("code", "title"), 2)
    yield from _listed("Numéros qui manquent dans une suite de dossiers", gaps, ("code",), 1)


def _listed(title: str, some: Mapping[str, Any], names: Sequence[str], columns: int) -> Iterator[Block]:
    if not some["number"]:
        return
    words = {"code": Column("Cote", 2), "title": Column("Intitulé", 5), "place": Column("Emplacement", 3)}
    yield Paragraph(f"{title} : {number(some['number'])}", bold=True)
    rows = [[one[name] or NOTHING for name in names] for one in some["listed"]]
    yield Table([words[name] for name in names][:columns], rows)
    yield from _rest(some)


def _rest(some: Mapping[str, Any]) -> Iterator[Block]:
    rest = some["number"] - len(some["listed"])
    if rest:
        yield Paragraph(f"Et {count(rest, 'autre, qui n’est pas listé', 'autres, qui ne sont pas listés')} ici.")


def _fixity(told: Mapping[str, Any]) -> Iterator[Block]:
    fixity = told["fixity"]
    yield Heading("État des documents numériques à leur dernière vérification")
    columns = (Column("Constat", 2), Column("Ce qu’il veut dire", 6), Column("Documents", 1.5, right=True))
    rows = [(*_VERDICTS[one], number(fixity["verdicts"].get(one.value, 0))) for one in Fixity]
    rows.append(("Jamais vérifiés", "Rien n’en est dit : ni intacts, ni altérés", number(fixity["never"])))
    yield Table(columns, rows, ("Ensemble", "", number(told["records"])))
    for days, checked in sorted(fixity["within"].items(), key=lambda one: int(one[0])):
        yield Paragraph(f"Vérifiés dans les {days} derniers jours : {number(checked)}.")
    if fixity["oldest"]:
        yield Paragraph(f"La plus ancienne de ces dernières vérifications est du {day(fixity['oldest'][:10])}.")


def _journal(head: Mapping[str, Any] | None) -> str:
    if head is None:
        return "Aucun scellement n’est encore publié : les chiffres ci-dessus n’ont pas de preuve hors de la base."
    at = parse_stamp(head["at"])
    stamped = (
        f"Le dernier scellement horodaté couvre {number(head['stamped_size'])} lignes."
        if head["stamped_size"] is not None
        else "Aucun scellement n’est encore horodaté."
    )
    return (
        f"La tête scellée du journal couvre {number(head['size'])} lignes ; sa racine est {head['root']}. "
        f"Elle a été publiée le {day(at.date())} à {at:%H:%M} (temps universel). {stamped} "
        "Quiconque la garde peut montrer plus tard qu’aucune ligne n’a été retirée ou changée."
    )


def _signatures(name: str, body: Mapping[str, Any]) -> Iterator[Block]:
    outgoing, incoming, made = body["outgoing"], body["incoming"], body["archivist"]
    yield Heading("Décharge et prise en charge" if incoming else "Reconnaissance de la charge")
    if incoming is None:
        text = f"{outgoing['name']}, {outgoing['quality']}, reconnaît avoir la charge des archives de « {name} »."
    else:
        text = (
            f"{outgoing['name']} remet les archives décrites ci-dessus à {incoming['name']}, qui reconnaît les "
            f"prendre en charge et donne décharge à {outgoing['name']}."
        )
    yield Paragraph(text)
    blank = ("Fait à :", "Le :", "Signature :")
    first = f"{outgoing['name']}, {outgoing['quality']}"
    places = [SignaturePlace(f"Remet les archives : {first}" if incoming else first, blank)]
    if incoming:
        places.append(SignaturePlace(f"Les prend en charge : {incoming['name']}, {incoming['quality']}", blank))
    yield Signatures([*places, SignaturePlace(f"{made['name']}, {made['quality']}", blank)])
