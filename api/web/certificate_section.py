"""View-model of the certificates of a bordereau: what each run destroyed, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from api.http.i18n import _, ngettext
from api.web import quantities
from archive.model.disposals import DisposalState

PROGRAMS: Final = ("verify_certificate.py", "verify.py")
"""What checks a certificate offline; the first needs the second beside it."""


@dataclass(frozen=True)
class ShownCertificate:
    """One certificate.

    Attributes:
        files: Address and words of each of its files.
    """

    title: Markup
    told: Markup
    files: tuple[tuple[str, Markup], ...]


@dataclass(frozen=True)
class CertificateSection:
    """All certificates of a bordereau, the first one first.

    Attributes:
        waits: Whether one is still to come.
    """

    certificates: tuple[ShownCertificate, ...]
    waits: bool
    programs: tuple[str, ...] = PROGRAMS


def certificate_section(shown: Mapping[str, Any]) -> CertificateSection | None:
    """Return the certificates of a bordereau that has destroyed something.

    Args:
        shown: Its JSON.
    """
    state, told = DisposalState(shown["state"]), shown["certificates"]
    destroyed = shown["records"]["destroyed"]
    if not destroyed and not told:
        return None
    certified = sum(one["totals"]["destroyed"] for one in told)
    waits = certified < destroyed or state is DisposalState.EXECUTING
    return CertificateSection(tuple(_certificate(shown["id"], one) for one in told), waits)


def _certificate(disposal: str, told: Mapping[str, Any]) -> ShownCertificate:
    number = told["number"]
    title = _("Certificat d’élimination") if number == 1 else _("Supplément n° {n}", n=number)
    totals = told["totals"]
    gone = ngettext("{n} document détruit", "{n} documents détruits", totals["destroyed"])
    left = sum(totals[name] for name in ("included", "blocked", "waiting", "failed"))
    rest = ngettext("{n} encore retenu", "{n} encore retenus", left) if left else _("rien n’est plus retenu")
    day = quantities.day(told["issued_at"][:10])
    return ShownCertificate(
        title, _("Délivré le {day} : {gone}, {rest}.", day=day, gone=gone, rest=rest), _files(disposal, told)
    )


def _files(disposal: str, told: Mapping[str, Any]) -> tuple[tuple[str, Markup], ...]:
    words: Sequence[tuple[str, Markup]] = (
        (".pdf", _("Procès-verbal (PDF/A)")),
        (".json", _("Preuves (JSON)")),
        ("-public.pdf", _("Édition publique (PDF/A)")),
        ("-public.json", _("Édition publique (JSON)")),
    )
    stem = "certificate" if told["number"] == 1 else f"certificate-{told['number']}"
    return tuple((f"/bordereaux/{disposal}/certificats/{stem}{end}", word) for end, word in words)
