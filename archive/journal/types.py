"""The types of journal entries: one definition each, of which every reader reads a part. Pure.

A name, once published, keeps its meaning for ever; a new meaning is a new type. The ``sequencer``
accepts no other name. Readers may meet an unknown type in the journal of a later version: ``known``
then returns None, and they leave out what depends on the type.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

from archive.journal import type_parts as parts
from archive.journal.effects import (
    Effects,
    IndexEffect,
    Outcome,
    Premis,
    RebuildEffect,
    ReplicaEffect,
    Sentence,
    Subject,
)
from archive.model.premis_types import PremisType


class EntryType(StrEnum):
    """A type of journal entries; a member without one of its parts can't be defined.

    Attributes:
        subject: Kind of subject that its entries have.
        premis: None = not about a record or its deposit, hence never in ``premis.json``.
        effects: On the search index, on the second store, on a rebuild.
        sentence: Text in a record's history.
    """

    subject: Subject
    premis: Premis | None
    effects: Effects
    sentence: Sentence

    LOG_OPENED = (
        "LogOpened",
        *parts.OF_THE_LOG,
        Sentence("Journal ouvert, avec sa clé et le cachet qui en répond."),
    )
    DEPOSIT_RECEIVED = (
        "DepositReceived",
        *parts.TAKEN_IN,
        Sentence("Reçu : {size} octets, empreinte prise, accusé de réception donné."),
    )
    STAGE_COMPLETED = (
        "StageCompleted",
        Subject.DEPOSIT,
        Premis(None, Outcome.STATE),
        Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
        Sentence("{stage} : terminé.", (("state", "skipped", "{stage} : sans objet pour ce document."),)),
    )
    STAGE_FAILED = (
        "StageFailed",
        Subject.DEPOSIT,
        Premis(None, Outcome.STATE),
        Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
        Sentence("{stage} : échec ; le document est conservé tel que reçu."),
    )
    DEPOSIT_QUARANTINED = (
        "DepositQuarantined",
        Subject.DEPOSIT,
        Premis(PremisType.OTHER),
        Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.QUARANTINE),
        Sentence("Mis à l’écart : un archiviste doit décider."),
    )
    DEPOSIT_RETRIED = (
        "DepositRetried",
        *parts.TAKEN_UP,
        Sentence("Étapes relancées."),
    )
    DEPOSIT_ACCEPTED = (
        "DepositAccepted",
        *parts.TAKEN_UP,
        Sentence("Gardé tel qu’il a été reçu, par décision d’un archiviste."),
    )
    DEPOSIT_REFUSED = (
        "DepositRefused",
        Subject.DEPOSIT,
        Premis(PremisType.OTHER),
        Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.REFUSE),
        Sentence(
            "Refusé par un archiviste : les octets reçus sont gardés jusqu’au {until}.",
            (("reason", "seda_refused", "Refusé à l’examen : les octets reçus sont gardés jusqu’au {until}."),),
        ),
    )
    DEPOSIT_DESTROYED = (
        "DepositDestroyed",
        Subject.DEPOSIT,
        Premis(PremisType.DELETION),
        Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
        Sentence("Octets d’un dépôt refusé détruits, leur délai passé."),
    )
    DEPOSIT_RECOVERED = (
        "DepositRecovered",
        *parts.TAKEN_IN,
        Sentence("Réinscrit après la perte de la base, d’après ce que le magasin en gardait."),
    )
    RECORD_KEPT = (
        "RecordKept",
        *parts.KEPT,
        Sentence("Rangé dans le magasin avec ses copies et ses preuves."),
    )
    RECORD_DESCRIBED = (
        "RecordDescribed",
        Subject.RECORD,
        Premis(PremisType.METADATA_MODIFICATION),
        Effects(IndexEffect.UPSERT, ReplicaEffect.RECORD, RebuildEffect.DESCRIBE),
        Sentence("Description complétée ou corrigée."),
    )
    RECORD_COMPLETED = (
        "RecordCompleted",
        *parts.COMPLETED,
        Sentence("Formes du document complétées par un nouveau traitement."),
    )
    MALWARE_FOUND = (
        "MalwareFound",
        Subject.RECORD,
        Premis(PremisType.VIRUS_CHECK),
        Effects(IndexEffect.UPSERT, ReplicaEffect.RECORD, RebuildEffect.COMPLETE),
        Sentence("Logiciel malveillant trouvé après coup : le document n’est remis qu’à qui le confirme."),
    )
    RECORD_REDACTED = (
        "RecordRedacted",
        *parts.COMPLETED,
        Sentence("Copie occultée faite et scellée ; l’original n’a pas changé."),
    )
    RECORD_RECOMPUTED = (
        "RecordRecomputed",
        Subject.RECORD,
        Premis(PremisType.METADATA_MODIFICATION),
        Effects(IndexEffect.UPSERT, ReplicaEffect.RECORD, RebuildEffect.RECOMPUTE),
        Sentence("Dates de conservation ou de communicabilité recalculées."),
    )
    CHANGE_ABANDONED = (
        "ChangeAbandoned",
        Subject.RECORD,
        Premis(PremisType.OTHER),
        Effects(IndexEffect.NONE, ReplicaEffect.RECORD, RebuildEffect.ABANDON),
        Sentence("Une modification commencée et jamais confirmée a été écartée : le document n’a pas changé."),
    )
    RECORD_RECOVERED = (
        "RecordRecovered",
        *parts.KEPT,
        Sentence("Réinscrit après la perte de la base, d’après sa fiche dans le magasin."),
    )
    DESTRUCTION_DECIDED = (
        "DestructionDecided",
        *parts.DISPOSED,
        Sentence("Destruction décidée : échue, visée, sans gel à cet instant."),
    )
    RECORD_DISPOSED = ("RecordDisposed", *parts.DISPOSED, Sentence("Éliminé : un certificat le constate."))
    REMAINS_DESTROYED = (
        "RemainsDestroyed",
        Subject.RECORD,
        Premis(PremisType.DELETION),
        Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
        Sentence("Détruit à nouveau : une sauvegarde rétablie avait ramené des fichiers déjà éliminés."),
    )
    RECORD_TRANSFERRED = (
        "RecordTransferred",
        Subject.RECORD,
        Premis(PremisType.TRANSFER),
        Effects(IndexEffect.UPSERT, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
        Sentence("Transféré : un certificat le constate."),
    )
    OBJECT_RESTORED = (
        "ObjectRestored",
        Subject.RECORD,
        Premis(PremisType.REPLICATION),
        Effects(IndexEffect.NONE, ReplicaEffect.RECORD, RebuildEffect.RESTORE),
        Sentence("Fichier « {path} » rétabli depuis la copie saine, après vérification."),
    )
    FIXITY_CHECKED = (
        "FixityChecked",
        *parts.CHECKED,
        Sentence(
            "Vérifié : {verdict}.",
            (
                ("custody", "missing", "Vérifié : {verdict} ; il manquait des verrous dans le magasin."),
                ("hold", "missing", "Vérifié : {verdict} ; le gel manquait dans le magasin."),
                ("journal", "altered", "Vérifié : {verdict} ; le journal publié, lui, était abîmé."),
                ("journal", "unverifiable", "Vérifié : {verdict} ; le journal publié n’a pas pu le confirmer."),
            ),
        ),
    )
    GUARDS_RESTORED = (
        "GuardsRestored",
        Subject.RECORD,
        Premis(PremisType.POLICY_ASSIGNMENT),
        Effects(IndexEffect.NONE, ReplicaEffect.JOURNAL, RebuildEffect.NONE),
        Sentence("Verrous ou gels perdus par le magasin, remis jusqu’au {retain_until} : les octets étaient intacts."),
    )
    VERDICT_CORRECTED = (
        "VerdictCorrected",
        *parts.CHECKED,
        Sentence(
            "Le contrôle de l’entrée {entry} accusait le document à tort : il n’avait vu qu’une modification "
            "jamais confirmée. Relu en entier : {verdict}."
        ),
    )
    HOLD_PLACED = (
        "HoldPlaced",
        *parts.HELD,
        Sentence("Gelé : ne peut pas être éliminé."),
    )
    HOLD_RELEASED = (
        "HoldReleased",
        *parts.RELEASED,
        Sentence("Gel levé.", (("ended", "expired", "Gel arrivé à son terme."),)),
    )
    HOLD_REINSTATED = (
        "HoldReinstated",
        *parts.HELD,
        Sentence("Gel rétabli : une horloge fausse l’avait fait finir trop tôt."),
    )
    HOLD_EXTENDED = (
        "HoldExtended",
        *parts.HELD,
        Sentence("Gelé à son tour : il répond à un gel déjà en vigueur."),
    )
    HOLD_DECIDED = (
        "HoldDecided",
        *parts.HOLD_STATED,
        Sentence("Gel décidé, pour {records} documents d’abord."),
    )
    HOLD_ENDED = (
        "HoldEnded",
        *parts.HOLD_STATED,
        Sentence("Gel levé.", (("ended", "expired", "Gel arrivé à son terme."),)),
    )
    HOLD_REVIEWED = ("HoldReviewed", *parts.STATED, Sentence("Gel revu : il reste en vigueur."))
    POPULATION_FROZEN = ("PopulationFrozen", *parts.STATED, Sentence("Population figée, pour en tirer un échantillon."))
    SAMPLE_DRAWN = ("SampleDrawn", *parts.STATED, Sentence("Échantillon tiré."))
    DISPOSAL_STATED = ("DisposalStated", *parts.STATED, Sentence("Bordereau : dressé, changé, ou une étape de plus."))
    VISA_STATED = ("VisaStated", *parts.STATED, Sentence("Visa donné sur un bordereau, ou inscrit d’après le papier."))
    TRANSFER_STATED = (
        "TransferStated",
        *parts.STATED,
        Sentence("Versement SEDA : examiné, ou pris en charge et répondu."),
    )
    DELIVERY_STATED = (
        "DeliveryStated",
        *parts.STATED,
        Sentence("Paquets SEDA dressés pour un destinataire, ou réponse inscrite."),
    )
    CERTIFICATE_ISSUED = ("CertificateIssued", *parts.STATED, Sentence("Certificat d’élimination délivré et scellé."))
    REPORT_ISSUED = ("ReportIssued", *parts.STATED, Sentence("Registre délivré, ou récolement : une étape de plus."))
    GUEST_ACCESS = (
        "GuestAccess",
        *parts.ABOUT_A_STATEMENT,
        Sentence("Invitation à donner un visa sans compte : faite, retirée, ou un essai de plus."),
    )
    UNIT_SORTED = ("UnitSorted", *parts.STATED, Sentence("Trié : à garder ou à éliminer, avec le motif."))
    HOLD_RECOVERED = (
        "HoldRecovered",
        *parts.HELD,
        Sentence("Gel réinscrit après la perte de la base, d’après ce que le magasin en gardait."),
    )
    RELEASE_RECOVERED = (
        "ReleaseRecovered",
        *parts.RELEASED,
        Sentence("Fin d’un gel réinscrite après la perte de la base, d’après ce que le magasin en gardait."),
    )
    TENANT_OPENED = (
        "TenantOpened",
        *parts.REGISTERED,
        Sentence("Service ouvert : nom, types et règles inscrits au registre."),
    )
    REGISTER_CHANGED = (
        "RegisterChanged",
        *parts.REGISTERED,
        Sentence("Nom, types ou règles du service modifiés au registre."),
    )
    PLAN_NODE_STATED = (
        "PlanNodeStated",
        *parts.STATED,
        Sentence("Plan de classement : une classe ou un dossier a changé."),
    )
    RETENTION_EVENT_STATED = (
        "RetentionEventStated",
        *parts.STATED,
        Sentence("Événement de conservation déclaré, corrigé ou retiré."),
    )
    ACCESS_REQUEST_STATED = (
        "AccessRequestStated",
        *parts.STATED,
        Sentence("Demande de communication ou de dérogation : inscrite, ou une étape de plus."),
    )
    STATEMENT_RECOVERED = (
        "StatementRecovered",
        *parts.STATED,
        Sentence("Décision réinscrite après la perte de la base, d’après ce que le magasin en gardait."),
    )
    STORE_MOVED = (
        "StoreMoved",
        *parts.OF_THE_LOG,
        Sentence("Le catalogue repose désormais sur ce qui était la seconde copie."),
    )
    SEAL_REPLACED = (
        "SealReplaced",
        *parts.OF_THE_LOG,
        Sentence("Cachet remplacé : ce qui suit est scellé par un autre certificat."),
    )
    AUTHORITY_REPLACED = (
        "AuthorityReplaced",
        *parts.OF_THE_LOG,
        Sentence("Autorité d’horodatage remplacée."),
    )
    HISTORY_CONTRADICTED = (
        "HistoryContradicted",
        *parts.OF_THE_LOG,
        Sentence("Une preuve plus ancienne, signée par la clé de ce journal, le contredit."),
    )
    ALARM_ACKNOWLEDGED = (
        "AlarmAcknowledged",
        *parts.OF_THE_LOG,
        Sentence("Alarme vue par un administrateur : une preuve plus ancienne contredisait ce journal."),
    )
    CLOCK_CORRECTED = (
        "ClockCorrected",
        *parts.OF_THE_LOG,
        Sentence("Horloge de la machine vérifiée et confirmée par un administrateur."),
    )

    def __new__(cls, name: str, subject: Subject, premis: Premis | None, effects: Effects, sentence: Sentence) -> Self:
        """Make a member from its name and its parts."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.subject, member.premis, member.effects, member.sentence = subject, premis, effects, sentence
        return member


def known(name: str) -> EntryType | None:
    """Return the type of an entry that was read; None for one of a later version."""
    return _BY_NAME.get(name)


def registered(name: str) -> EntryType:
    """Return the registered type of this name.

    Raises:
        ValueError: The name is not registered.
    """
    found = known(name)
    if found is None:
        raise ValueError(f"{name!r} is no type of journal entry")
    return found


def rebuilding(*effects: RebuildEffect) -> tuple[EntryType, ...]:
    """Return the types from which a rebuild makes these things."""
    return tuple(one for one in EntryType if one.effects.rebuild in effects)


KEPT: Final = rebuilding(RebuildEffect.KEEP)
"""Types of entries that make a record kept."""
CHANGES: Final = tuple(one for one in EntryType if one.effects.rebuild.states_the_record)
"""Types of entries that state a record; the last states ``record.json`` and inventory in force."""
RESTORED: Final = rebuilding(RebuildEffect.RESTORE)
RECEIVED: Final = rebuilding(RebuildEffect.RECEIVE)
"""Types of entries that state the receipt of a deposit."""
_BY_NAME: Final = {one.value: one for one in EntryType}
