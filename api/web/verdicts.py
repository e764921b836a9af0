"""The verdicts about a record, in words. Absence of evidence is never shown as a pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from api.http.i18n import _, ngettext, said
from api.web import quantities
from api.web.progress import Badge
from archive.holdings.checks import Aspect
from archive.objects.fixity import Fixity

Verdicts = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One line of « Ce qui a été vérifié »: a question, an answer, and its grounds."""

    question: Markup
    badge: Badge
    proof: tuple[Markup, ...]


def findings(verdicts: Verdicts) -> list[Finding]:
    """Return the findings on seal, PDF/A, signatures and viruses of a record."""
    return [seal_finding(_of(verdicts, "seal")), _pdfa(verdicts), *_signatures(verdicts), _virus(verdicts)]


def _of(verdicts: Verdicts, name: str) -> Mapping[str, Any]:
    found = verdicts.get(name)
    return found if isinstance(found, Mapping) else {}


def seal_finding(seal: Mapping[str, Any]) -> Finding:
    """Return the finding on the seal of a record's archival form."""
    question = _("Le cachet du service")
    proof: list[Markup] = []
    if seal.get("sealed_at"):
        proof.append(
            _(
                "Cachet électronique apposé le {moment}, niveau {level}.",
                moment=quantities.moment(seal["sealed_at"]),
                level=seal.get("level", ""),
            )
        )
    if seal.get("signer"):
        proof.append(_("Certificat : {signer}.", signer=seal["signer"]))
    word = seal.get("verdict", "none")
    if word == "valid" and seal.get("probative") is not True:
        proof.append(
            _(
                "Ce cachet a été créé par cette installation : il montre une modification, "
                "mais il est sans valeur probante devant un juge."
            )
        )
        return Finding(question, Badge("warn", "seal", _("Scellé, sans valeur probante")), tuple(proof))
    badges = {
        "valid": Badge("ok", "seal", _("Scellé")),
        "invalid": Badge("bad", "cross", _("Cachet faux")),
        "indeterminate": Badge("warn", "warn", _("Ne peut pas être confirmé")),
    }
    if word not in badges:
        proof.append(_("Aucune copie durable n’a pu être scellée. L’original est gardé tel qu’il a été reçu."))
    return Finding(question, badges.get(word, Badge("none", "none", _("Pas de cachet"))), tuple(proof))


def _pdfa(verdicts: Verdicts) -> Finding:
    pdfa = _of(verdicts, "pdfa")
    badges = {
        "compliant": Badge("ok", "check", _("Conforme")),
        "non_compliant": Badge("warn", "warn", _("Non conforme")),
    }
    word = pdfa.get("verdict", "unverified")
    proof: list[Markup] = []
    if word in badges and pdfa.get("profile"):
        tool = f"{pdfa.get('tool') or ''} {pdfa.get('tool_version') or ''}".strip()
        proof.append(_("PDF/A-{profile}, contrôlé par {tool}.", profile=pdfa["profile"], tool=tool or "–"))
    elif word not in badges:
        proof.append(_("Aucun contrôle de conformité n’a pu être fait."))
    return Finding(
        _("Le format durable PDF/A"), badges.get(word, Badge("none", "none", _("Non vérifié"))), tuple(proof)
    )


_SIGNATURE_BADGES = {
    "valid": ("ok", "check", "Valable"),
    "invalid": ("bad", "cross", "Fausse"),
    "indeterminate": ("warn", "warn", "Ne peut pas être confirmée"),
}


def signature_badge(verdict: str) -> Badge:
    """Return the badge of one signature's verdict."""
    kind, icon, word = _SIGNATURE_BADGES.get(verdict, ("none", "none", "Non vérifiée"))
    return Badge(kind, icon, _(word))


def _signatures(verdicts: Verdicts) -> list[Finding]:
    found = _of(verdicts, "signature")
    signatures = found.get("signatures") or []
    if not signatures:
        badge = (
            Badge("none", "none", _("Aucune"))
            if found.get("verdict") == "none"
            else Badge("none", "none", _("Non vérifiées"))
        )
        return [Finding(_("Les signatures du document reçu"), badge, ())]
    result = []
    for signature in signatures:
        signer = signature.get("signer") or _("signataire illisible")
        proof = [said(signature["detail"])] if signature.get("detail") else []
        if signature.get("signed_at"):
            proof.append(_("Signé le {moment}.", moment=quantities.moment(signature["signed_at"])))
        result.append(
            Finding(
                _("Signature de {signer}", signer=signer),
                signature_badge(signature.get("verdict", "")),
                tuple(proof),
            )
        )
    if len(signatures) > 1:
        summary = ngettext("{n} signature trouvée.", "{n} signatures trouvées.", len(signatures))
        first = result[0]
        result[0] = Finding(first.question, first.badge, (summary, *first.proof))
    return result


def _virus(verdicts: Verdicts) -> Finding:
    virus = _of(verdicts, "virus")
    word = virus.get("verdict", "unverified")
    badges = {
        "clean": Badge("ok", "check", _("Aucun trouvé")),
        "infected": Badge("bad", "cross", _("Virus trouvé")),
    }
    proof: list[Markup] = []
    if word in badges and virus.get("at"):
        proof.append(
            _(
                "Analysé le {moment} par {tool}.",
                moment=quantities.moment(virus["at"]),
                tool=virus.get("tool") or "–",
            )
        )
    if virus.get("detail"):
        proof.append(said(str(virus["detail"])))
    elif word not in badges:
        proof.append(_("Aucun antivirus ne répondait : le fichier n’a pas été analysé."))
    return Finding(_("Virus"), badges.get(word, Badge("none", "none", _("Non analysé"))), tuple(proof))


CHECK_BADGES = {
    "intact": ("ok", "check", "Intact"),
    "altered": ("bad", "cross", "Altéré"),
    "missing": ("bad", "cross", "Disparu"),
    "unverifiable": ("none", "none", "Invérifiable"),
}


_GUARDS = {Aspect.CUSTODY.value, Aspect.HOLD.value}


def check_badge(check: Mapping[str, Any]) -> Badge:
    """Return the badge of one check: what guards a document is not the document."""
    if check.get("aspect") in _GUARDS and check["verdict"] == "missing":
        return Badge("warn", "warn", _("Absent du coffre"))
    if check.get("aspect") in _GUARDS and check["verdict"] == "intact":
        return Badge("ok", "check", _("En place"))
    return fixity_badge(str(check["verdict"]))


def is_unguarded(checks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a verification found a lock or a hold missing."""
    return any(check.get("aspect") in _GUARDS and check["verdict"] == "missing" for check in checks)


def is_unconfirmed(checks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the published journal could not confirm what was verified."""
    return any(check.get("aspect") == Aspect.JOURNAL and check["verdict"] != Fixity.INTACT for check in checks)


def fixity_badge(verdict: str) -> Badge:
    """Return the badge of a fixity verdict; an unknown one counts as unverifiable."""
    kind, icon, word = CHECK_BADGES.get(verdict, CHECK_BADGES["unverifiable"])
    return Badge(kind, icon, _(word))
