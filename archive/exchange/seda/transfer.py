"""An archive transfer as it was told: units, objects, rules, in plain frozen values. Pure.

Nothing here is judged or converted. What the standard knows and we give no name, and what a sender
added to it, is kept as it was written (``Raw``). Units are listed once each, in the order of the
manifest; that one lies in another is told on both, also where it was said by a reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from archive.exchange.seda.findings import NOWHERE, Place
from archive.exchange.seda.versions import Version


@dataclass(frozen=True)
class Raw:
    """An element kept as it was written.

    Attributes:
        name: Without its name space.
        xml: The element.
    """

    name: str
    xml: str


@dataclass(frozen=True)
class Text:
    """A text with its language, where that was told."""

    value: str
    language: str | None = None


@dataclass(frozen=True)
class Agency:
    """An organisation; its description is free in the standard."""

    identifier: str
    description: Raw | None = None


@dataclass(frozen=True)
class Keyword:
    """A keyword of the description."""

    content: str
    reference: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Agent:
    """A person or a body in the description.

    Attributes:
        body: Name of a body (``Corpname``); of a person the other names.
        birth: Date of birth; a text, as every date of the description.
        others: What else was told.
    """

    body: str | None = None
    first_name: str | None = None
    birth_name: str | None = None
    full_name: str | None = None
    given_name: str | None = None
    birth: str | None = None
    death: str | None = None
    identifiers: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    others: tuple[Raw, ...] = ()

    @property
    def name(self) -> str:
        """The name to show."""
        whole = self.body or self.full_name or self.given_name
        return whole or " ".join(part for part in (self.first_name, self.birth_name) if part)


@dataclass(frozen=True)
class Event:
    """An event of a unit, or a step of a reply."""

    on: str
    identifier: str | None = None
    code: str | None = None
    kind: str | None = None
    detail: str | None = None
    outcome: str | None = None
    outcome_detail: str | None = None
    message: str | None = None
    technical: str | None = None


@dataclass(frozen=True)
class SignatureTold:
    """A signature as the sender describes it; a claim, never a verdict.

    Attributes:
        signed_at: A text, with the hour.
        kind: In the sender's words.
    """

    signer: Agent | None = None
    signed_at: str | None = None
    validator: Agent | None = None
    validated_at: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class SigningInformation:
    """What a unit is in a signed set (SEDA 2.3).

    Attributes:
        roles: ``SignedDocument``, ``Signature``, ``Timestamp``, ``AdditionalProof``.
        detached_roles: What of these lies in other units.
        signed_documents: Ids of the units that a detached signature is about.
        others: Time-stamps, further proofs, and what else was told.
    """

    roles: tuple[str, ...]
    detached_roles: tuple[str, ...] = ()
    signed_documents: tuple[str, ...] = ()
    signatures: tuple[SignatureTold, ...] = ()
    others: tuple[Raw, ...] = ()


@dataclass(frozen=True)
class Content:
    """Description of a unit; dates are texts, for the standard also takes a year or a month."""

    level: str | None = None
    titles: tuple[Text, ...] = ()
    file_plan_positions: tuple[str, ...] = ()
    system_ids: tuple[str, ...] = ()
    originating_system_ids: tuple[str, ...] = ()
    archival_agency_ids: tuple[str, ...] = ()
    originating_agency_ids: tuple[str, ...] = ()
    transferring_agency_ids: tuple[str, ...] = ()
    descriptions: tuple[Text, ...] = ()
    kind: str | None = None
    document_type: str | None = None
    languages: tuple[str, ...] = ()
    description_language: str | None = None
    status: str | None = None
    version: str | None = None
    tags: tuple[str, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    originating_agency: Agency | None = None
    submission_agency: Agency | None = None
    agents: tuple[Agent, ...] = ()
    authorized_agents: tuple[Agent, ...] = ()
    writers: tuple[Agent, ...] = ()
    addressees: tuple[Agent, ...] = ()
    recipients: tuple[Agent, ...] = ()
    transmitters: tuple[Agent, ...] = ()
    senders: tuple[Agent, ...] = ()
    source: str | None = None
    created_on: str | None = None
    transacted_on: str | None = None
    acquired_on: str | None = None
    sent_on: str | None = None
    received_on: str | None = None
    registered_on: str | None = None
    starts_on: str | None = None
    ends_on: str | None = None
    date_in_words: str | None = None
    events: tuple[Event, ...] = ()
    signing: SigningInformation | None = None
    text_contents: tuple[str, ...] = ()
    others: tuple[Raw, ...] = ()

    @property
    def title(self) -> str | None:
        """The French title, else the first."""
        french = (one.value for one in self.titles if (one.language or "").lower().startswith("fr"))
        return next(french, self.titles[0].value if self.titles else None)


class Category(StrEnum):
    """Categories of rules, by the name of their block; each inherits for itself."""

    STORAGE = "StorageRule"
    APPRAISAL = "AppraisalRule"
    ACCESS = "AccessRule"
    DISSEMINATION = "DisseminationRule"
    REUSE = "ReuseRule"
    CLASSIFICATION = "ClassificationRule"
    HOLD = "HoldRule"


@dataclass(frozen=True)
class RuleUse:
    """A rule declared on a unit.

    Attributes:
        start: ``StartDate``: the first day counted.
        hold_end: Of a hold: the first day on which it no longer holds.
    """

    rule: str
    start: date | None = None
    hold_end: date | None = None
    hold_owner: str | None = None
    hold_review_on: date | None = None
    hold_reason: str | None = None
    forbids_move: bool = False


@dataclass(frozen=True)
class RuleBlock:
    """Rules of one category on one unit.

    Attributes:
        prevents_inheritance: Whether nothing of this category is inherited.
        blocked: Rules that are not inherited (``RefNonRuleId``).
        final_action: ``Keep`` or ``Destroy``; of storage ``RestrictAccess``, ``Transfer`` or
            ``Copy``.
        classification: Level, owner and the like, as they were written.
        unread: Dates that our calendar does not hold, as they were written.
    """

    uses: tuple[RuleUse, ...] = ()
    prevents_inheritance: bool = False
    blocked: tuple[str, ...] = ()
    final_action: str | None = None
    classification: tuple[Raw, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Management:
    """Management of a unit, or of the whole transfer."""

    blocks: Mapping[Category, RuleBlock] = field(default_factory=dict)
    needs_authorization: bool | None = None
    others: tuple[Raw, ...] = ()


@dataclass(frozen=True)
class Digest:
    """A digest as it was declared.

    Attributes:
        algorithm: Of our list where it is one of it, else as it was written.
        value: Lower-case hexadecimal; as it was written where it can't be read.
    """

    algorithm: str
    value: str


@dataclass(frozen=True)
class DataObject:
    """A binary or physical object.

    Attributes:
        group: Id of its group; its own where it has none.
        usage: ``BinaryMaster``, ``Dissemination`` …, without its number.
        number: Of the version of this usage.
        embedded: Whether its bytes stand in the manifest, which we refuse.
        formats: PRONOM identifier, media type, name of the format, encoding: what was told.
    """

    id: str
    group: str
    physical: bool = False
    usage: str | None = None
    number: int = 1
    system_id: str | None = None
    group_system_id: str | None = None
    uri: str | None = None
    embedded: bool = False
    digest: Digest | None = None
    size: int | None = None
    puid: str | None = None
    media_type: str | None = None
    format_name: str | None = None
    encoding: str | None = None
    filename: str | None = None
    last_modified: str | None = None
    physical_id: str | None = None
    others: tuple[Raw, ...] = ()
    place: Place = NOWHERE


@dataclass(frozen=True)
class Unit:
    """An archive unit.

    Attributes:
        parents: Ids of the units that it lies in, in the order of the manifest.
        children: Ids of the units in it, in the order of the manifest.
        objects: Ids of the objects it refers to, by themselves or by their group.
        others: References to units that are archived already, and the like.
    """

    id: str
    content: Content = Content()
    management: Management = Management()
    profile: str | None = None
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    others: tuple[Raw, ...] = ()
    place: Place = NOWHERE

    @property
    def at_top(self) -> bool:
        """Whether it lies in no unit; one that is written at the top and referred to does not."""
        return not self.parents


@dataclass(frozen=True)
class Transfer:
    """An ``ArchiveTransfer``.

    Attributes:
        units: By id, in the order of the manifest.
        objects: By id, in the order of the manifest.
        management: Of the whole transfer: every unit at the top inherits it.
    """

    version: Version
    identifier: str
    sent_at: str
    archival_agency: Agency
    transferring_agency: Agency
    units: Mapping[str, Unit] = field(default_factory=dict)
    objects: Mapping[str, DataObject] = field(default_factory=dict)
    comments: tuple[Text, ...] = ()
    agreement: str | None = None
    code_lists: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None
    service_level: str | None = None
    acquisition: str | None = None
    legal_status: str | None = None
    originating_agency: str | None = None
    submission_agency: str | None = None
    management: Management = Management()
    related: tuple[str, ...] = ()
    request_reply: str | None = None
    signature: Raw | None = None

    @property
    def top(self) -> tuple[str, ...]:
        """Ids of the units that lie directly in the transfer."""
        return tuple(unit.id for unit in self.units.values() if unit.at_top)
