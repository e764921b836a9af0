"""PREMIS event types that ``premis.json`` states, of journal entries and of stages. Pure."""

from __future__ import annotations

from enum import StrEnum


class PremisType(StrEnum):
    """Types of events, in the words of the Library of Congress' vocabulary."""

    INGESTION = "ingestion"
    VIRUS_CHECK = "virus check"
    FORMAT_IDENTIFICATION = "format identification"
    NORMALIZATION = "normalization"
    TRANSCRIPTION = "transcription"
    DERIVATION = "derivation"
    VALIDATION = "validation"
    DIGITAL_SIGNATURE_GENERATION = "digital signature generation"
    REGISTRATION = "registration"
    METADATA_MODIFICATION = "metadata modification"
    REPLICATION = "replication"
    FIXITY_CHECK = "fixity check"
    POLICY_ASSIGNMENT = "policy assignment"
    DELETION = "deletion"
    TRANSFER = "transfer"
    OTHER = "other"
    """Chosen for what no term names; never a default."""
