"""Submission: what a producer hands over, and its checks. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from archive.journal.receipts import Stated
from archive.model.description_fields import BY_NAME, KNOWN
from archive.model.field_rules import DescriptionField, FieldKind, bad_field, is_text
from archive.model.records import Digests
from signing.ground.canonical import canonical
from signing.ground.errors import Refused

ALONE = "Rien n’a été conservé."

CALLBACK: Final = DescriptionField(
    name="callback_url",
    kind=FieldKind.TEXT,
    limit=2000,
    label="Adresse de rappel",
    meaning="Adresse appelée à la fin du traitement.",
    in_record=False,
)
"""Field that is no part of the description: whom to call when the deposit has ended."""
AGREEMENT: Final = DescriptionField(
    name="agreement",
    kind=FieldKind.REFERENCE,
    limit=40,
    label="Convention de versement",
    meaning="Convention au titre de laquelle vous versez, quand plusieurs vous couvrent.",
    in_record=False,
)
"""Field that is no part of the description: the deposit agreement that the depositor names."""
PACKAGE: Final = DescriptionField(
    name="package",
    kind=FieldKind.CODE,
    limit=10,
    label="Paquet",
    meaning="« seda » : un paquet SEDA, dont chaque unité devient un dossier ou un document.",
    in_record=False,
)
"""Field that is no part of the description: the kind of package that is taken apart."""
SEDA: Final = "seda"
_BESIDE: Final = {field.name: field for field in (CALLBACK, AGREEMENT, PACKAGE)}


@dataclass(frozen=True)
class PartOf:
    """Part of a package that was examined whole: what is otherwise judged or chosen at reception.

    Attributes:
        deposit_id: The same each time that the package is taken apart.
    """

    deposit_id: str
    record_id: str


@dataclass(frozen=True)
class Submission:
    """Submission: what a producer hands over, without the bytes.

    When made, it is checked that it can be told apart and written down; the limits of its fields
    are for a new deposit alone (``check_fields``), since one received already has its answer.

    Attributes:
        idempotency_key: Chosen by the caller; the same key never makes two deposits.
        fields: Text fields by name, as given.
        expected_sha256: Hexadecimal digest that the caller announced, if any.
        priority: 0 if a person waits, 5 for a batch, 9 for the night.
        part_of: Set for a part of a package, whose fields were judged with the package.
    """

    tenant: str
    agent: str
    idempotency_key: str
    filename: str
    media_type: str
    fields: Mapping[str, str]
    expected_sha256: str | None = None
    priority: int = 0
    part_of: PartOf | None = None

    @property
    def is_package(self) -> bool:
        """Whether it is taken apart instead of becoming a record."""
        return self.fields.get(PACKAGE.name) is not None

    def __post_init__(self) -> None:
        """Check what no deposit ever had otherwise.

        Raises:
            Refused: ``bad_idempotency_key``, ``bad_filename``, ``bad_field``.
        """
        _check(self)

    def check_fields(self) -> None:
        """Check each field by its limits of today.

        Raises:
            Refused: ``bad_field``.
        """
        for name, value in self.fields.items():
            _field(name).read(value, kept=ALONE)
        if self.is_package and self.fields[PACKAGE.name] != SEDA:
            raise bad_field(PACKAGE.name, "« {name} » vaut seda.", "Corrigez-le, ou retirez-le.", ALONE)


def _check(submission: Submission) -> None:
    if not 1 <= len(submission.idempotency_key) <= 255 or not submission.idempotency_key.isprintable():
        raise Refused(
            "bad_idempotency_key",
            "La clé d’idempotence doit compter de 1 à 255 caractères imprimables.",
            kept=ALONE,
            action="Donnez à chaque dépôt une clé nouvelle, par exemple un UUID.",
            pointer="Idempotency-Key",
        )
    if not submission.filename.strip() or len(submission.filename) > 1000 or not is_text(submission.filename):
        raise Refused(
            "bad_filename",
            "Le nom du fichier manque ou n’est pas lisible.",
            kept=ALONE,
            action="Donnez un nom au fichier.",
            pointer="file",
        )
    for name, value in submission.fields.items():
        field = _field(name)
        if not is_text(value):
            field.read(value, kept=ALONE)


def request_digest(filename: str, fields: Mapping[str, str], size: int, digests: Digests) -> str:
    """Return a digest over content, name and fields: equal for equal requests."""
    request = {
        "v": 1,
        "filename": filename,
        "size": size,
        "sha-256": digests.sha256,
        "fields": dict(fields),
    }
    return hashlib.sha256(canonical(request)).hexdigest()


def _field(name: str) -> DescriptionField:
    """Return the field of this name.

    Raises:
        Refused: ``bad_field``.
    """
    field = BY_NAME.get(name) or _BESIDE.get(name)
    if field is None:
        known = ", ".join((KNOWN, *_BESIDE))
        raise bad_field(name, "Le champ « {name} » n’existe pas.", "Champs connus : {known}.", ALONE, known=known)
    return field


def check_bytes(size: int, digests: Digests, submission: Submission) -> None:
    """Refuse an empty file, or bytes other than those announced.

    Raises:
        Refused: ``empty_file``, ``digest_mismatch``.
    """
    if size == 0:
        raise Refused(
            "empty_file",
            "Ce fichier est vide.",
            kept=ALONE,
            action="Vérifiez le fichier puis déposez-le à nouveau.",
            pointer="file",
        )
    if submission.expected_sha256 is not None and submission.expected_sha256.lower() != digests.sha256:
        raise Refused(
            "digest_mismatch",
            "Les octets reçus n’ont pas l’empreinte annoncée.",
            kept=ALONE,
            action="Envoyez le fichier à nouveau ; s’il échoue encore, recalculez son empreinte.",
            pointer="Repr-Digest",
        )


def statement(submission: Submission, stated: Stated, record_id: str, agreed: Mapping[str, str]) -> bytes:
    """Write ``deposit.json``, from which a lost database gets its acknowledged deposits back.

    It names the future record, so that objects of it that are in the store already are completed
    and not made twice.

    Args:
        agreed: Fields that the agreement gives where the deposit doesn't.
    """
    return canonical(
        {
            "v": 1,
            "deposit": stated.deposit,
            "record": record_id,
            "priority": submission.priority,
            "tenant": submission.tenant,
            "tenant_name": stated.names.tenant_name,
            "salts": dict(stated.names.salts),
            "agent": submission.agent,
            "idempotency_key": submission.idempotency_key,
            "filename": submission.filename,
            "media_type": submission.media_type,
            "fields": dict(submission.fields),
            **({"agreement": stated.agreement, "agreed": dict(agreed)} if stated.agreement is not None else {}),
            "size": stated.size,
            "sha-256": stated.sha256,
            "sha-512": stated.sha512,
            "received_at": stated.received_at,
        }
    )
