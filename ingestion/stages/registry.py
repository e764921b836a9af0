"""Registry of stages: every fact about a stage, in one place. Pure.

The pipeline, the pages, the API's schemas, the history, ``premis.json`` and the retry use it. A
stage that is not here can't start (``require_known``).
``tests/unit/ingestion/stages/test_registry.py`` lists every table that needs each stage, and fails
when one lacks it. French
texts are message ids of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from archive.model.premis_types import PremisType


@dataclass(frozen=True)
class Step:
    """Step: a part of a deposit's processing, as clerks see it.

    Attributes:
        name: Never changes: it is in the database, the journal, ``record.json`` and the API.
        label: The act, as a noun: « Recherche de virus » (history, « … en cours »).
        task: The act as a task: « Chercher les virus » (list of steps).
        promise: What the clerk may expect, before the step is done.
        outcome: What is true once the step is done.
    """

    name: str
    label: str
    task: str
    promise: str
    outcome: str


@dataclass(frozen=True)
class StageSpec(Step):
    """Entry of a stage in the registry: a step that the pipeline does.

    Attributes:
        failing: Meaning for the record when the stage fails; the record is kept nevertheless.
        event: PREMIS event type (vocabulary of the Library of Congress), stated in ``premis.json``.
        paged: Whether its work is cut into chunks of pages, each a task. At most one stage is.
        checkpointed: Whether its files are costly and so kept in staging; others are made again
            when asked for.
        replaced_by: A later stage whose file replaces this one's: when both ran in the same commit,
            only the later file is kept.
        partial: Whether a detail on the finished stage means that not all was done; then it is
            never shown as a plain pass.
    """

    failing: str
    event: PremisType
    paged: bool = False
    checkpointed: bool = True
    replaced_by: str | None = None
    partial: bool = False


SCREEN: Final = StageSpec(
    name="screen",
    label="Recherche de virus",
    task="Chercher les virus",
    promise="Avant d’ouvrir le fichier.",
    outcome="Le contrôle est fait.",
    failing="Le fichier n’a pas été contrôlé : un logiciel malveillant n’est pas exclu.",
    event=PremisType.VIRUS_CHECK,
    checkpointed=False,
    partial=True,
)
IDENTIFY: Final = StageSpec(
    name="identify",
    label="Reconnaissance du format",
    task="Reconnaître le format",
    promise="D’après son contenu, pas d’après son nom.",
    outcome="Le format est reconnu.",
    failing="Le format n’est pas reconnu : l’original est conservé tel quel.",
    event=PremisType.FORMAT_IDENTIFICATION,
    checkpointed=False,
)
NORMALISE: Final = StageSpec(
    name="normalise",
    label="Préparation des pages",
    task="Préparer les pages",
    promise="Une image par page, sans perte.",
    outcome="Les pages sont prêtes.",
    failing="Les pages n’ont pas pu être préparées : l’original est conservé tel quel.",
    event=PremisType.NORMALIZATION,
    checkpointed=False,
)
RECOGNISE: Final = StageSpec(
    name="recognise",
    label="Lecture du texte",
    task="Lire le texte",
    promise="Chaque mot, avec sa place sur la page.",
    outcome="Le texte est lu.",
    failing="Le texte n’a pas été lu : le document ne se trouve que par sa description.",
    event=PremisType.TRANSCRIPTION,
    paged=True,
    partial=True,
)
CONVERT: Final = StageSpec(
    name="convert",
    label="Conversion en PDF/A",
    task="Convertir en PDF/A",
    promise="Un format fait pour durer.",
    outcome="La copie durable est faite.",
    failing="Il n’y a pas de copie durable : seul l’original est conservé.",
    event=PremisType.DERIVATION,
    replaced_by="seal",
)
VALIDATE: Final = StageSpec(
    name="validate",
    label="Contrôles",
    task="Contrôler le format et les signatures",
    promise="Le PDF/A est-il conforme ? Le document était-il signé ?",
    outcome="Les contrôles sont faits.",
    failing="Le format et les signatures n’ont pas été contrôlés.",
    event=PremisType.VALIDATION,
)
SEAL: Final = StageSpec(
    name="seal",
    label="Scellement",
    task="Sceller",
    promise="Le cachet du service et une date.",
    outcome="La copie durable est scellée.",
    failing="La copie durable n’est pas scellée.",
    event=PremisType.DIGITAL_SIGNATURE_GENERATION,
)

STAGES: Final = (SCREEN, IDENTIFY, NORMALISE, RECOGNISE, CONVERT, VALIDATE, SEAL)
"""Stages in the order in which they run."""

KEEP: Final = Step(
    name="keep",
    label="Rangement dans le coffre",
    task="Ranger dans le coffre",
    promise="Plus personne ne pourra le modifier sans que cela se voie.",
    outcome="L’original et ses copies sont dans le coffre.",
)
"""Step of the runner: it passes the package to the archive."""
INDEX: Final = Step(
    name="index",
    label="Mise à jour de la recherche",
    task="Rendre trouvable",
    promise="Chaque mot de chaque page.",
    outcome="Le document se trouve par chacun de ses mots.",
)
"""Step of the follower: it reads the journal."""

STEPS: Final[tuple[Step, ...]] = (*STAGES, KEEP, INDEX)
"""Steps in order, as the API and the pages show them."""

STEP_NAMES: Final = tuple(step.name for step in STEPS)

_STEPS: Final = {step.name: step for step in STEPS}


def step_named(name: str) -> Step:
    """Return the step of this name.

    Raises:
        KeyError: If there is none.
    """
    return _STEPS[name]


def label_of(name: str) -> str:
    """Return a step's French label; its bare name if only an older journal has it."""
    step = _STEPS.get(name)
    return step.label if step is not None else name


def counts_pages(name: str) -> bool:
    """Whether the step's progress is counted in pages."""
    step = _STEPS.get(name)
    return isinstance(step, StageSpec) and step.paged


def require_known(specs: Iterable[StageSpec]) -> None:
    """Refuse stages that are not in the registry or not in its order.

    Raises:
        ValueError: Names the stages.
    """
    found = list(specs)
    unknown = [spec.name for spec in found if spec not in STAGES]
    if unknown:
        raise ValueError(f"stages that ingestion.stages.registry does not know: {', '.join(unknown)}")
    if found != [spec for spec in STAGES if spec in found]:
        raise ValueError(f"stages out of order: {', '.join(spec.name for spec in found)}")
