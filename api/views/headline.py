"""Headline of a public verification: the worst of its checks, in a word and a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from archive.objects.fixity import Fixity, gravest


class About(StrEnum):
    """What a check is about."""

    BYTES = "bytes"
    JOURNAL = "journal"
    SEAL = "seal"
    """The seal of the record's archival form, as judged when it was made."""
    SIGNATURE = "signature"
    """A signature in the file that was sent."""
    BUNDLE = "bundle"
    RECEIPT = "receipt"
    PAGE = "page"
    """The printed page of a receipt."""


class SubjectKind(StrEnum):
    """What a file turned out to be."""

    RECORD = "record"
    BUNDLE = "bundle"
    RECEIPT = "receipt"
    FILE = "file"


SIGNED: Final = frozenset({About.SEAL, About.SIGNATURE})

_OF_SIGNATURE: Final = {
    "valid": Fixity.INTACT,
    "invalid": Fixity.ALTERED,
    "indeterminate": Fixity.UNVERIFIABLE,
}
"""Verdicts on signatures; ``none`` is no check."""

_CHECKS: Final = ("Cachet du service", "Les signatures du fichier n’ont pas pu être lues.")
UNREAD: Final = "Signatures"
"""Name of the check of signatures that could not be read one by one."""

Check = Mapping[str, Any]


def check(about: About, name: str, verdict: Fixity, detail: str) -> dict[str, str]:
    """Make one check as the API shows it."""
    return {"name": name, "verdict": verdict.value, "detail": detail, "about": about.value}


def seal_checks(seal: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the check of a record's seal; none when it has no seal."""
    verdict = _OF_SIGNATURE.get(str((seal or {}).get("verdict")))
    return [check(About.SEAL, _CHECKS[0], verdict, "")] if verdict is not None else []


def signature_checks(report: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return a check for each signature of a file, and one when they could not be read."""
    if report is None:
        return []
    found = []
    for signature in report.get("signatures") or ():
        verdict = _OF_SIGNATURE.get(str(signature.get("verdict")), Fixity.UNVERIFIABLE)
        name = f"Signature de {signature.get('signer') or 'signataire illisible'}"
        found.append(check(About.SIGNATURE, name, verdict, str(signature.get("detail") or "")))
    whole = _OF_SIGNATURE.get(str(report.get("verdict")))
    if whole is not None and whole is not gravest([Fixity(one["verdict"]) for one in found] or [Fixity.INTACT]):
        found.append(check(About.SIGNATURE, UNREAD, whole, _CHECKS[1]))
    return found


def verdict_of(checks: Sequence[Check]) -> Fixity:
    """Return the worst verdict; unverifiable when nothing was checked."""
    return gravest([Fixity(one["verdict"]) for one in checks])


def finding(
    kind: SubjectKind,
    checks: list[dict[str, str]],
    *,
    record: dict[str, Any] | None = None,
    signatures: dict[str, Any] | None = None,
    receipt: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the answer to a public verification.

    Its verdict is the worst of its checks, and ``because`` names the checks that give it.
    """
    verdict = verdict_of(checks)
    return {
        "verdict": verdict.value,
        "because": [one["name"] for one in checks if one["verdict"] == verdict],
        "kind": kind.value,
        "checks": checks,
        "record": record,
        "signatures": signatures,
        "receipt": receipt,
    }


# -- in words

_STAMPS: Final = {
    Fixity.INTACT: ("ok", "seal", "Intact"),
    Fixity.ALTERED: ("bad", "cross", "Modifié"),
    Fixity.MISSING: ("bad", "cross", "Incomplet"),
    Fixity.UNVERIFIABLE: ("none", "none", "Pas de réponse"),
}
_UNKNOWN: Final = ("none", "none", "Inconnu ici")
_FALSE: Final = ("bad", "cross", "Signature fausse")
_DOUBTFUL: Final = ("warn", "warn", "Signature non confirmée")

_TITLES: Final = {
    ("record", Fixity.INTACT): "Ce document est bien celui que nous gardons",
    ("record", Fixity.ALTERED): "Ce document n’est pas celui dont parle le journal",
    ("bundle", Fixity.INTACT): "Ce dossier de preuve est intact",
    ("bundle", Fixity.ALTERED): "Ce dossier de preuve a été modifié",
    ("bundle", Fixity.MISSING): "Il manque une partie de ce dossier de preuve",
    ("receipt", Fixity.INTACT): "Ce récépissé est bien le nôtre",
    ("receipt", Fixity.ALTERED): "Ce récépissé n’est pas celui que nous avons donné",
    ("receipt", Fixity.UNVERIFIABLE): "Nous ne pouvons pas confirmer ce récépissé",
}
_SIGNED: Final = {
    "false_file": "Ce fichier porte une signature ou un cachet faux",
    "signed_elsewhere": "Nous ne gardons pas ce fichier",
    "unknown": "Nous ne connaissons pas ce fichier",
    "false_record": "Ce document est celui que nous gardons, mais il porte une signature ou un cachet faux",
    "doubtful_record": "Ce document est celui que nous gardons, mais une signature n’est pas confirmée",
    "false_waiting": "Ce document porte une signature ou un cachet faux",
}
_FALLBACKS: Final = {
    Fixity.INTACT: "Rien n’a changé",
    Fixity.ALTERED: "Quelque chose a été modifié",
    Fixity.MISSING: "Il manque quelque chose",
    Fixity.UNVERIFIABLE: "Nous ne pouvons pas conclure",
}


def headline(found: Mapping[str, Any]) -> tuple[str, tuple[str, str, str]]:
    """Return title and stamp (colour, icon, word) of a finding: French message ids."""
    kind, verdict = str(found["kind"]), Fixity(found["verdict"])
    signed, others = _split(found["checks"])
    if kind == SubjectKind.FILE:
        if verdict is Fixity.ALTERED and signed is Fixity.ALTERED:
            return _SIGNED["false_file"], _FALSE
        if verdict is Fixity.UNVERIFIABLE:
            known = signed is Fixity.INTACT
            title = _SIGNED["signed_elsewhere"] if known else _SIGNED["unknown"]
            return title, _UNKNOWN
    if kind == SubjectKind.RECORD and signed is verdict and others is Fixity.INTACT and verdict is not Fixity.INTACT:
        if verdict is Fixity.ALTERED:
            return _SIGNED["false_record"], _FALSE
        return _SIGNED["doubtful_record"], _DOUBTFUL
    if kind == SubjectKind.RECORD and signed is verdict is Fixity.ALTERED and others is Fixity.UNVERIFIABLE:
        return _SIGNED["false_waiting"], _FALSE
    return _TITLES.get((kind, verdict)) or _FALLBACKS[verdict], _STAMPS[verdict]


def is_unknown(found: Mapping[str, Any]) -> bool:
    """Whether a file is nothing of ours and nothing in it is false."""
    return (found["kind"], found["verdict"]) == (SubjectKind.FILE, Fixity.UNVERIFIABLE)


def is_signed(found: Mapping[str, Any]) -> bool:
    """Whether a file has a signature, and all that it has are valid."""
    return _split(found["checks"])[0] is Fixity.INTACT


def _split(checks: Sequence[Check]) -> tuple[Fixity | None, Fixity | None]:
    """Return the worst verdict on signatures and seals, and the worst of the rest."""

    def worst(found: list[Fixity]) -> Fixity | None:
        return gravest(found) if found else None

    signed = [Fixity(one["verdict"]) for one in checks if one.get("about") in SIGNED]
    return worst(signed), worst([Fixity(one["verdict"]) for one in checks if one.get("about") not in SIGNED])
