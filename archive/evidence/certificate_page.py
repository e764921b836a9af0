"""Typeset a certificate as a PDF/A: a *procès-verbal d'élimination* with every record beneath.

The page says what the JSON says, in the columns that the Archives départementales ask for, and
prints the SHA-256 of what was sealed there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from archive.evidence.certificate_facts import Facts
from archive.evidence.certificate_json import EARLIER, LATER, Issue, Proof, totals
from archive.evidence.typesetting import typeset
from archive.model.disposals import Direction, DisposalAction, LineDecision, LineState, VisaMeans, VisaStep
from archive.retention.dates import Unit
from signing.ground.canonical import parse_canonical

_TEMPLATE: Final = Path(__file__).with_name("certificate.typ")
VERSION: Final = f"1 typst {version('typst')}"
PRINTED: Final = 20_000
"""Most records of one page file: beyond, a reader has the JSON; about 500 MB of memory."""
APART: Final = 500
"""Lines above which pages are typeset, and checked, in a process of their own."""

_TITLES: Final = {
    DisposalAction.DESTROY: "Procès-verbal d’élimination",
    DisposalAction.REMOVE: "Procès-verbal de retrait",
    DisposalAction.TRANSFER: "Procès-verbal de transfert",
}
_DIRECTIONS: Final = {
    Direction.SERVICE_ASKS: "Le service demande le visa du contrôle scientifique et technique",
    Direction.ARCHIVES_PROPOSE: "Les archives proposent d’éliminer ce qui leur a été versé",
}
_STEPS: Final = {
    VisaStep.PRODUCER: "Service producteur, ou administration d’origine",
    VisaStep.AUTHORITY: "Maire, président, ou chef des archives",
    VisaStep.CONTROLLER: "Contrôle scientifique et technique",
}
_MEANS: Final = {
    VisaMeans.ACCOUNT: "par un compte",
    VisaMeans.GUEST: "par un lien et un code",
    VisaMeans.PAPER: "sur papier",
}
_DECISIONS: Final = {
    LineDecision.APPROVE: "accord",
    LineDecision.REFUSE: "refus",
    LineDecision.KEEP_DEFINITIVELY: "à garder définitivement",
    LineDecision.NOT_BEFORE: "pas avant une date",
    LineDecision.SORT_NEEDED: "à trier",
}
_STATES: Final = {
    LineState.INCLUDED: "pas encore exécuté",
    LineState.EXCLUDED: "retiré du bordereau",
    LineState.REFUSED: "refusé par un visa",
    LineState.BLOCKED: "bloqué",
    LineState.WAITING: "attend la fin d’un verrou",
    LineState.DESTROYED: "détruit",
    LineState.FAILED: "n’a pas abouti",
}
_REASONS: Final = {
    "held": "gelé",
    "changed": "changé depuis les visas",
    "visa_stale": "visa de plus de douze mois",
    "not_sorted": "pas encore trié",
    "not_yet": "pas encore échu",
    "not_before": "pas avant une date",
    "no_end": "sans fin",
    "start_missing": "date de départ inconnue",
    "rule_missing": "sans règle",
    "rule_not_validated": "règle non validée",
    "final_action_conflict": "règles contradictoires",
    "stale": "dates à recalculer",
    "unanswered": "un visa ne dit rien de cette ligne",
    "refuse": "sans suite dite",
    "contradicted": "n’est pas ce que le journal en dit",
}
_UNITS: Final = {Unit.YEAR: "an", Unit.MONTH: "mois", Unit.DAY: "jour"}


def certificate_page(facts: Facts, proof: Proof, issue: Issue, certificate: bytes, *, public: bool) -> bytes:
    """Typeset a certificate; return the PDF, not sealed yet.

    Args:
        certificate: What is sealed of the JSON.
        public: As the JSON.
    """
    told = _told(facts, proof, issue, certificate, public=public)
    facts_json, apart = json.dumps(told, ensure_ascii=False), len(facts.lines) > APART
    made = typeset(_TEMPLATE, facts_json, int(issue.at.timestamp()), apart=apart)
    return made + b"\n"  # what a seal appends begins on a line of its own (ISO 19005-2, 6.1.9)


def _told(facts: Facts, proof: Proof, issue: Issue, certificate: bytes, *, public: bool) -> dict[str, Any]:
    body = facts.bordereau.body
    action = DisposalAction(body["action"])
    title = f"{_TITLES[action]} n° {body['reference']}"
    more = f", supplément n° {facts.supplement}" if facts.supplement > 1 else ""
    return {
        "moment": list(issue.at.timetuple()[:6]),
        "title": title,
        "service": facts.service,
        "subtitle": f"Certificat délivré le {_day(issue.day.isoformat())}{more}"
        + (". Édition publique : elle ne nomme personne." if public else "."),
        "footer": f"{facts.service} — {title}{more}",
        "warning": ""
        if all(issue.probative.values())
        else "Sans valeur probante : cachet ou horodatage de l’installation",
        "summary": _summary(facts, issue, body),
        "groups": {
            "title": "Ce que portait le bordereau",
            "heads": [
                "N°",
                "Règle et texte",
                "Typologie",
                "Dates extrêmes",
                "DUA",
                "Documents",
                "Volume",
                "Détruits ici",
                "Observations",
            ],
            "rows": [_group(one, facts) for one in facts.groups],
        },
        "visas": {
            "title": "Visas",
            "heads": ["Qui vise", "Personne", "Qualité", "Donné le", "Moyen, identité", "Réponse"],
            "rows": [_visa(one.body, public=public) for one in facts.visas],
        },
        "rest": {
            "title": "Ce qui n’a pas été détruit",
            "heads": ["Ligne", "Motif", "Document"],
            "rows": [_kept(line, public=public) for line in facts.lines if line["state"] != LineState.DESTROYED][
                :PRINTED
            ],
        },
        "proof": _proof(proof, certificate),
        "records": _records(facts),
    }


def _summary(facts: Facts, issue: Issue, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    counted = totals(facts)
    rest = ", ".join(
        f"{counted[state.value]} {word}"
        for state, word in _STATES.items()
        if state != LineState.DESTROYED and counted[state.value]
    )
    others = {"précédents": counted[EARLIER], "suivants": counted[LATER]}
    earlier = "".join(f" ; {n} par les certificats {word}" for word, n in others.items() if n)
    places = ", ".join(f"{_PLACES[one['role']]} ({_ASSURANCES[one['assurance']]})" for one in issue.stores)
    return [
        ("Service producteur", body["producer"] or "non indiqué sur le bordereau"),
        ("Procédure", _DIRECTIONS[Direction(body["direction"])]),
        ("Soumis le", _day(body["proposed_on"])),
        ("Dernier visa, fin du délai", f"{_day(body['last_visa_on'])} ; {_day(body['stop_until'])}"),
        ("Détruits", f"{len(facts.destroyed)} documents{earlier}"),
        ("Autres lignes", rest or "aucune"),
        ("État", "exécuté" if facts.state == "executed" else "en cours : d’autres certificats pourront suivre"),
        ("Où étaient les copies", f"{places} : rien n’y est plus listé"),
        ("Sauvegardes", issue.backups.told),
    ]


_PLACES: Final = {"store": "magasin", "copy": "seconde copie"}
_ASSURANCES: Final = {"advisory": "verrous de ce service", "enforced": "verrous imposés par le magasin"}


def _group(one: Mapping[str, Any], facts: Facts) -> list[str]:
    rule = next((rule for rule in facts.rules if rule["rule"] == one["rule"]), None)
    text = f" — {rule['label']}. {rule['text']}" if rule is not None else ""
    rest = Counter[str](one["states"])
    rest.pop(LineState.DESTROYED, None)
    return [
        str(one["number"]),
        f"{one['rule'] or 'sans règle'}{text}",
        facts.types.get(one["document_type"] or "", one["document_type"] or "—")
        + (f", dossier {one['file']}" if one["file"] else ""),
        _range(one["earliest"], one["latest"]),
        _duration(rule),
        str(one["records"]),
        _volume(one["size"]),
        str(one["destroyed"]),
        ", ".join(f"{n} {_STATES[LineState(state)]}" for state, n in sorted(rest.items())),
    ]


def _visa(body: Mapping[str, Any], *, public: bool) -> list[str]:
    answers = body["answers"]
    whole = answers["whole"]
    more = Counter(one["decision"] for part in ("groups", "lines") for one in answers[part].values())
    said = [_DECISIONS[LineDecision(whole["decision"])] if whole is not None else "rien pour l’ensemble"]
    said += [f"{n} × {_DECISIONS[LineDecision(decision)]}" for decision, n in sorted(more.items())]
    scan = f" ; copie numérisée {body['evidence']}" if body["evidence"] else ""
    means = _MEANS[VisaMeans(body["means"])]
    return [
        _STEPS[VisaStep(body["step"])],
        "—" if public else body["person"],
        "—" if public else body["quality"],
        _day(body["given_on"]),
        means if public else f"{means}, {body['identified_by']}{scan}",
        ", ".join(said) + (f". {body['comment']}" if body["comment"] and not public else ""),
    ]


def _kept(line: Mapping[str, Any], *, public: bool) -> list[str]:
    state, reason = LineState(line["state"]), line["reason"]
    if state is LineState.EXCLUDED:
        why = "" if public else reason or ""
    else:
        why = _REASONS.get(
            reason or "", _DECISIONS.get(reason, reason or "") if reason in set(LineDecision) else reason or ""
        )
    day = line["not_before"] or line["waiting_until"]
    return [
        str(line["position"]),
        _STATES[state] + (f" : {why}" if why else "") + (f" ({_day(day)})" if day else ""),
        line["record"],
    ]


def _proof(proof: Proof, certificate: bytes) -> dict[str, Any]:
    return {
        "title": "Ce qui le prouve",
        "lines": [
            "Le fichier certificate.json porte les visas, la population, les lignes du journal et leur preuve.",
            "Son cachet et celui de cette page sont horodatés. Pour vérifier l’un et l’autre sans ce service :",
            "python3 verify_certificate.py certificate.json --pdf certificate.pdf --trust trust.json",
        ],
        "marks": [
            ("SHA-256 de ce qui est scellé", sha256(certificate).hexdigest()),
            ("Point de contrôle du journal", f"{proof.origin}, {proof.size} entrées, {proof.note.split(chr(10))[2]}"),
            ("Mise en page", VERSION),
        ],
    }


def _records(facts: Facts) -> dict[str, Any]:
    frozen = {line["record"]: line for part in facts.parts for line in part.body["lines"]}
    wanted = [line for line in facts.lines if line["supplement"] == facts.supplement]
    rows = [_record(line, frozen[line["record"]], facts) for line in wanted[:PRINTED]]
    told = "Ligne, identifiant, empreintes SHA-256 de l’original et de la fiche, règles, dates ; décision, fin."
    if len(wanted) > PRINTED:
        told += f" Les {len(wanted) - PRINTED} suivants sont dans certificate.json."
    return {"title": "Les documents détruits, un à un", "told": told, "rows": rows}


def _record(line: Mapping[str, Any], frozen: Mapping[str, Any], facts: Facts) -> list[str]:
    decided, gone = (parse_canonical(facts.gone[line[name]]) for name in ("decided", "gone"))
    dated = f"du {frozen['document_date']}" if frozen["document_date"] else "sans date"
    days = f"départ {frozen['starts_on']}  fin {frozen['ends_on']}  échu {frozen['due_on']}"
    went = f"décidé {decided['at']} (n° {decided['n']})  disparu {gone['at']} (n° {gone['n']})"
    places = f"{gone['facts']['copies']} emplacements, {gone['facts']['versions']} versions"
    if shared := gone["facts"].get("detached"):
        places += f"  détaché : octets reçus aussi avec {', '.join(shared)}, qui restent"
    return [
        f"{line['position']}  {line['record']}  original {frozen['original']}  fiche {frozen['record_json']}",
        "  ".join((*frozen["rules"], dated, days, went, places)),
    ]


def _day(text: str | None) -> str:
    return "—" if text is None else f"{text[8:10]}/{text[5:7]}/{text[0:4]}"


def _range(earliest: str | None, latest: str | None) -> str:
    if earliest is None or latest is None:
        return "sans date"
    return _day(earliest) if earliest == latest else f"{_day(earliest)} – {_day(latest)}"


def _duration(rule: Mapping[str, Any] | None) -> str:
    if rule is None:
        return "—"
    if rule["duration"] is None:
        return "sans limite"
    n, word = rule["duration"], _UNITS[Unit(rule["unit"])]
    return f"{n} {word}{'s' if n > 1 and word != 'mois' else ''}"


def _volume(size: int) -> str:
    for unit, step in (("Go", 10**9), ("Mo", 10**6), ("Ko", 10**3)):
        if size >= step:
            return f"{size / step:.1f} {unit}".replace(".", ",")
    return f"{size} o"
