"""Try a stage: an error in it fails the stage, never the document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from ingestion.processing.claims import LeaseLost
from ingestion.processing.workspace import MissingFile
from ingestion.stages.port import Detail, StageResult
from ingestion.stages.registry import StageSpec
from signing.ground.errors import Corrupt, Refused, Unavailable
from signing.ground.machine import machine_fault

log = structlog.get_logger(__name__)

T = TypeVar("T")


def attempt(spec: StageSpec, call: Callable[[], T]) -> T | StageResult:
    """Return the call's result, or how it failed; a broken stage never loses a document.

    Raises:
        Unavailable: The fault is ours or the machine's, not the document's; ``Corrupt`` and
            ``LeaseLost`` pass too.
    """
    try:
        return call()
    except MissingFile as error:
        detail = Detail("input_missing", "Une étape précédente n’a pas produit « {file} ».", {"file": error.args[0]})
        return StageResult("skipped", detail=detail)
    except Refused as error:
        return StageResult("failed", detail=Detail(error.code, error.detail, storable(error.values)))
    except (Unavailable, Corrupt, LeaseLost):
        raise
    except Exception as error:
        fault = machine_fault(error)
        if fault is not None:
            raise fault from error
        log.exception("stage_broke", stage=spec.name)
        detail = Detail("stage_broke", "Cette étape s’est arrêtée sur une erreur imprévue.")
        return StageResult("failed", detail=detail)


def storable(values: dict[str, object]) -> dict[str, Any]:
    """Convert an error's values to what a JSON column can store."""
    return {name: value if isinstance(value, str | int) else str(value) for name, value in values.items()}
