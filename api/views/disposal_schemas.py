"""Schemas of disposals: bordereaux, lines, visas."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.dependencies import Day
from api.views.schemas import Body
from archive.disposition.disposals.bordereau import LONGEST
from archive.disposition.disposals.population import MOST_LINES
from archive.model.disposals import DisposalAction

Way = Literal["service_asks", "archives_propose"]
State = Literal["draft", "submitted", "approved", "refused", "cooling_off", "executing", "executed", "withdrawn"]
StateOfLine = Literal["included", "excluded", "refused", "blocked", "waiting", "destroyed", "failed"]
Step = Literal["producer", "authority", "controller"]
Answered = Literal["approve", "refuse", "keep_definitively", "not_before", "sort_needed"]
Consequence = Literal["keep_definitively", "not_before", "sort_needed"]
_ID = "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"


class QueryGiven(Body):
    """Which of the records that are ready a disposal takes; without a filter, all."""

    rule: str | None = Field(default=None, max_length=40)
    producer: str | None = Field(default=None, max_length=200)
    document_type: str | None = Field(default=None, max_length=100)
    node: str | None = Field(default=None, max_length=100, description="Code d’une classe ou d’un dossier.")
    q: str | None = Field(default=None, max_length=200, description="Mots du titre, ou référence.")


class DisposalGiven(Body):
    """A disposal to be drafted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "action": DisposalAction.DESTROY.value,
                "title": "Marchés publics de 2012 à 2015",
                "query": {"rule": "MAR-01"},
            }
        },
    )

    action: DisposalAction
    title: str = Field(min_length=1, max_length=LONGEST)
    records: list[str] | None = Field(default=None, max_length=MOST_LINES, description="Ces documents.")
    query: QueryGiven | None = Field(default=None, description="Ou : tout ce qui est prêt, et que ceci trouve.")
    direction: Way = Field(
        default="service_asks",
        description="`service_asks` : le service demande, et le silence ne vaut jamais accord. "
        "`archives_propose` : les archives proposent d’éliminer ce qui leur a été versé.",
    )
    authority: bool = Field(default=False, description="Le maire ou le président signe aussi.")
    producer: str | None = Field(
        default=None,
        max_length=200,
        description="Nom exact du service ; à défaut, celui des documents.",
    )
    reason: str | None = Field(default=None, max_length=LONGEST, description="D’un retrait : pourquoi.")
    readers: list[str] | None = Field(
        default=None, max_length=2, description="D’un retrait : les deux comptes qui lisent encore, dès la soumission."
    )


class LineDecided(Body):
    """What an archivist decides about one line."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"decision": "exclude", "comment": "Valeur historique"}}
    )

    decision: Literal["include", "exclude"]
    comment: str | None = Field(default=None, max_length=LONGEST, description="Obligatoire pour retirer une ligne.")


class NamedLineDecided(LineDecided):
    """The same, of a named line."""

    record_id: str = Field(max_length=36)


class LinesDecided(Body):
    """What an archivist decides about several lines, all of it or nothing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"lines": [{"record_id": _ID, "decision": "exclude", "comment": "Contentieux possible"}]}
        },
    )

    lines: list[NamedLineDecided] = Field(min_length=1, max_length=1000)


class ReasonGiven(Body):
    """Why a disposal is stopped."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "Contentieux possible"}})

    reason: str = Field(min_length=1, max_length=LONGEST)


class GroupAnswer(Body):
    """What a visa says of a group of lines."""

    group: int = Field(ge=1, le=MOST_LINES)
    decision: Answered
    not_before: Day | None = Field(default=None, description="De `not_before` : premier jour.")
    comment: str | None = Field(default=None, max_length=LONGEST)


class LineAnswer(Body):
    """What a visa says of one line."""

    record_id: str = Field(max_length=36)
    decision: Answered
    not_before: Day | None = Field(default=None, description="De `not_before` : premier jour.")
    comment: str | None = Field(default=None, max_length=LONGEST)


class VisaGivenBody(Body):
    """A visa: an answer for all lines, and others for groups and lines that are named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "decision": "approve",
                "reference": "AD-2026-311",
                "lines": [{"record_id": _ID, "decision": "keep_definitively", "comment": "Intérêt historique"}],
            }
        },
    )

    decision: Literal["approve", "refuse", "by_line"] = Field(
        description="De toute ligne qui n’est pas nommée. `by_line` : une ligne sans réponse n’est pas approuvée."
    )
    step: Step | None = Field(default=None, description="À défaut, le visa attendu.")
    consequence: Consequence | None = Field(default=None, description="De `refuse` : ce que deviennent les documents.")
    not_before: Day | None = Field(default=None, description="De la conséquence `not_before` : premier jour.")
    groups: list[GroupAnswer] = Field(default=[], max_length=MOST_LINES)
    lines: list[LineAnswer] = Field(default=[], max_length=MOST_LINES)
    reference: str = Field(default="", max_length=200)
    comment: str = Field(default="", max_length=LONGEST)
    quality: str | None = Field(
        default=None,
        max_length=LONGEST,
        description="Fonction, « par délégation » s’il y a lieu.",
    )
    heads: str | None = Field(
        default=None, max_length=200, description="Nom exact du service que dirige le contrôleur ; à défaut, le sien."
    )
    means: Literal["account", "paper"] = Field(
        default="account",
        description="`paper` : saisi par un archiviste d’après le bordereau signé ; une seconde personne confirme.",
    )
    person: str | None = Field(default=None, max_length=200, description="De `paper` : qui a signé.")
    given_on: Day | None = Field(default=None, description="De `paper` : jour de la signature.")
    scan: str | None = Field(default=None, max_length=36, description="De `paper` : la copie numérisée.")
    attested: bool = Field(
        default=False,
        description="De `paper` : la copie, dont des codes ne se lisent pas, est entière et de ce bordereau.",
    )


class CountView(BaseModel):
    """Number of records, and size of their forms."""

    records: int
    bytes: int


class BlockedView(CountView):
    """Lines that one thing stands in the way of."""

    reason: str


class CertificateView(BaseModel):
    """A certificate, and how many lines were in each state when it was issued."""

    number: int = Field(description="Son supplément : `?supplement=`.")
    issued_at: str
    state: State
    totals: dict[StateOfLine | Literal["earlier", "later"], int] = Field(
        description="`destroyed` par cette exécution, `earlier` et `later` par d’autres."
    )


class RemarkView(CountView):
    """Lines of a group that don't go, or not yet."""

    state: StateOfLine
    reason: str | None


class StepView(BaseModel):
    """A visa that a disposal needs."""

    step: Step
    state: Literal["given", "expected", "to_come", "silent"]
    visa: str | None


class DisposalShort(BaseModel):
    """A disposal in a list."""

    id: str
    reference: str = Field(description="Son numéro : année et rang.")
    title: str
    action: DisposalAction
    direction: Way
    state: State
    producer: str | None
    proposed_on: str | None
    stop_until: str | None = Field(description="Dernier jour où tout s’arrête encore.")
    days_left: int | None = Field(description="Jours qui restent du délai de repentir.")
    executes_from: str | None = Field(description="Premier jour de l’exécution.")
    confirmed: bool = Field(description="Quelqu’un a confirmé son exécution.")
    steps: list[StepView]
    records: dict[StateOfLine, int] = Field(description="Documents par état de leur ligne.")
    number: int


class DisposalView(DisposalShort):
    """A disposal. Its ETag is its number."""

    authority: bool
    reason: str | None
    drafted_by: str | None
    drafted_on: str
    submitted_by: str | None
    confirmed_by: str | None = Field(description="Qui a confirmé son exécution.")
    last_visa_on: str | None
    ended_on: str | None
    ended_reason: str | None
    population: str = Field(description="Empreinte de la population.")
    lines: dict[StateOfLine, CountView]
    blocked: list[BlockedView]
    readers: list[str] | None = Field(description="D’un retrait : qui lit encore ses documents.")
    reading_closed: bool = Field(description="La lecture de ses documents est fermée à tous les autres.")
    failed: list[BlockedView] = Field(description="Lignes dont la destruction n’a pas abouti ; elle est reprise.")
    waiting_until: str | None = Field(description="Dernier jour des verrous que des lignes attendent.")
    certificates: list[CertificateView] = Field(description="Un par exécution qui a détruit.")


class DisposalPage(BaseModel):
    """Disposals, the one drafted last first."""

    disposals: list[DisposalShort]
    next: str | None = Field(description="Curseur de la page suivante.")


class GroupView(CountView):
    """A line as a reader of the bordereau sees it: one rule, one type, one file."""

    group: int
    rule: str | None
    rule_version: int | None
    rule_label: str | None
    duration: int | None
    unit: str | None
    legal_text: str | None
    document_type: str | None
    file: str | None
    earliest: str | None
    latest: str | None
    due_on: str | None
    lines: dict[StateOfLine, CountView]
    remarks: list[RemarkView]


class GroupPage(BaseModel):
    """Groups, in the order of the bordereau."""

    groups: list[GroupView]
    next: str | None = Field(description="Curseur de la page suivante.")


class OpinionView(BaseModel):
    """What somebody thinks of a line before the visas; it binds nobody."""

    person: str
    quality: str
    given_on: str
    decision: Literal["approve", "refuse", "keep_definitively", "not_before", "sort_needed", "remark"]
    not_before: str | None
    comment: str


class LineView(BaseModel):
    """One record of a disposal, as it was frozen, and where it stands."""

    record_id: str
    position: int
    group: int
    title: str | None = Field(description="Absent si le document n’est plus là, ou si un gel en réserve la lecture.")
    restricted: bool = Field(description="La lecture du document est réservée.")
    restricted_by: Literal["hold", "removal"] | None = Field(description="Par un gel, ou par un retrait.")
    state: StateOfLine
    reason: str | None
    waiting_until: str | None
    decision: Answered | None
    not_before: str | None
    opinion: OpinionView | None = Field(description="Avis préalable : il n’engage personne.")
    rules: list[str] = Field(description="Règles en vigueur, `code/version`, celle qui décide d’abord.")
    starts_on: str | None
    ends_on: str | None
    due_on: str | None
    document_date: str | None
    final_action: str
    sorted: str | None
    document_type: str | None
    file: str | None
    size: int
    digests: dict[str, str]
    done_at: str | None
    detached: list[str] = Field(description="Détruit : documents gardés où restent les mêmes octets, à leur dossier.")


class LinePage(BaseModel):
    """Lines, in the order of the bordereau."""

    lines: list[LineView]
    next: str | None = Field(description="Curseur de la page suivante.")


class DecidedLineView(LineView):
    """A line that was decided, with the new number of its disposal."""

    number: int


class AnswerView(BaseModel):
    """What a visa says."""

    decision: Answered
    not_before: str | None
    comment: str


class GroupAnswerView(AnswerView):
    """What a visa says of a group."""

    group: int


class LineAnswerView(AnswerView):
    """What a visa says of a line."""

    record_id: str


class AnswersView(BaseModel):
    """The answers of a visa: of a line itself, else of its group, else of the whole."""

    whole: AnswerView | None
    groups: list[GroupAnswerView]
    lines: list[LineAnswerView]


class VisaView(BaseModel):
    """A visa."""

    id: str
    step: Step
    means: Literal["account", "guest", "paper"]
    state: Literal["entered", "given", "withdrawn"]
    person: str
    quality: str
    identified_by: str
    given_on: str
    given_at: str
    reference: str
    comment: str
    population: str
    evidence: str | None = Field(description="De `paper` : empreinte de la copie numérisée.")
    attested: int = Field(description="De `paper` : personnes qui disent que la copie est entière.")
    entered_by: str | None = Field(description="De `paper` : qui l’a saisi.")
    confirmed_by: str | None = Field(description="De `paper` : qui a confirmé la saisie.")
    answers: AnswersView


class VisaList(BaseModel):
    """The visas of a disposal, in the order in which they were entered."""

    visas: list[VisaView]
