"""One French sentence for each reason that a verdict may have."""

from __future__ import annotations

_SENTENCES = {
    "ok": "La signature est valide.",
    "digest_mismatch": "Le contenu a été modifié après la signature.",
    "bad_signature": "La signature ne correspond pas au certificat du signataire.",
    "content_type_mismatch": "La signature ne porte pas sur ce type de contenu.",
    "changed_after_signing": "Du contenu a été ajouté ou remplacé après la signature.",
    "completed_later": "Le document a été complété après la signature ; un examen humain est nécessaire.",
    "partial_coverage": "La signature ne couvre pas tout le document.",
    "hidden_bytes": "Des octets non signés sont cachés à côté de la signature.",
    "constraints": "La signature ne respecte pas les règles fixées par le document.",
    "several_signers": "La signature désigne plusieurs signataires ; elle n’a pas été examinée.",
    "certificate_not_referenced": "La signature ne désigne pas son certificat ; elle n’a pas été examinée.",
    "certificate_missing": "Le certificat du signataire ne se trouve pas dans la signature.",
    "untrusted_chain": "Le certificat du signataire ne remonte à aucune autorité de confiance connue ici.",
    "not_anchored": "Aucune autorité de confiance n’a été fournie pour juger ce certificat.",
    "expired": "Le certificat du signataire avait expiré, et rien ne prouve que la signature est antérieure.",
    "not_yet_valid": "Le certificat du signataire n’était pas encore valable au moment de la signature.",
    "revoked": "Le certificat du signataire a été révoqué.",
    "revocation_unknown": "L’autorité du signataire est connue, mais rien ne dit si son certificat a été révoqué.",
    "weak_algorithm": "La signature repose sur un algorithme qui n’est plus admis.",
    "key_usage": "Le certificat du signataire n’est pas prévu pour signer des documents.",
    "encrypted": "Le document est chiffré ; ses signatures ne peuvent pas être examinées.",
    "unsupported_signature": "Ce type de signature n’est pas pris en charge.",
    "imprint_mismatch": "Le jeton d’horodatage porte sur un autre contenu.",
    "not_an_authority": "Le certificat du jeton n’est pas celui d’une autorité d’horodatage.",
    "in_the_future": "Le jeton d’horodatage porte une date future.",
    "token_invalid": "Le jeton d’horodatage de la signature ne correspond pas à celle-ci.",
}
_UNKNOWN = "La signature n’a pas pu être examinée."


def sentence(reason: str) -> str:
    """Return the sentence for a reason; a general one when the reason has none of its own."""
    return _SENTENCES.get(reason, _UNKNOWN)
