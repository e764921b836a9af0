"""Context of the commands: settings, system, tenant and output."""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.settings import Settings, load_settings
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.assembly import System

AGENT = "service:cli"
"""Agent of journal entries when an operator uses the command line."""

DONE, REFUSED, USAGE, ALTERED, AWAY = 0, 1, 2, 3, 4
"""Exit codes of API.md."""

_chosen: dict[str, Path | None] = {"config": None}


def use_config(path: Path | None) -> None:
    """Set the settings file (``--config``) of this run."""
    _chosen["config"] = path


def config() -> Path | None:
    """Return the settings file named on the command line; None when none is."""
    return _chosen["config"]


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this run, loaded once."""
    return load_settings(config=config())


@lru_cache(maxsize=1)
def system() -> System:
    """Return the system of this home, assembled once; a new home is initialised first."""
    from ingestion.assembly import assemble

    made = assemble(settings())
    if not (settings().signing.keys / "log.key").exists():
        made.initialise()
    return made


def choose_tenant(given: str | None) -> str:
    """Return the id of the tenant to work for: the one given, or the only one there is.

    Raises:
        Refused: ``tenant_not_found``, ``tenant_unclear``.
    """
    from api.access.tenants import all_tenants, require_tenant

    with system().database.read() as session:
        if given is not None:
            return require_tenant(session, given).id
        found = [row.id for row in all_tenants(session)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refused(
            "tenant_unclear",
            "Aucune collectivité n’existe encore.",
            action='Créez-en une : « chartrier tenant create demo --name "Commune de démonstration" ».',
        )
    raise Refused(
        "tenant_unclear",
        "Plusieurs collectivités partagent cette installation : {known}.",
        action="Choisissez avec --tenant.",
        known=", ".join(found),
    )


def tenant_of_record(record_id: str) -> str:
    """Return the tenant of a record; an operator of the machine serves all tenants.

    Raises:
        Refused: ``record_not_found``.
    """
    from archive.database.tables import RecordRow

    with system().database.read() as session:
        row = session.get(RecordRow, record_id)
    if row is None:
        raise Refused("record_not_found", "Ce document n’existe pas.", action="Vérifiez l’identifiant du document.")
    return row.tenant_id


def print_json(value: Any) -> None:
    """Print a value as one line of JSON on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def console(*, stderr: bool = False) -> Console:
    """Return a console for people; colours only on a terminal and without ``NO_COLOR``."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = 120  # a file or a pipe has no width: enough for every table of ours
    return made


def say(text: str) -> None:
    """Print a text for people on standard output."""
    console().print(text, markup=False)


def running_service() -> dict[str, Any] | None:
    """Return the content of ``run/service.json`` of a live service; None when none runs.

    A service of one part has a file of its own, such as ``service-api.json``.
    """
    from api.server.processes import start_ticks

    for path in sorted((settings().home / "run").glob("service*.json"), key=lambda path: len(path.name)):
        try:
            state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            supervisor = state["pids"]["supervisor"]
            if start_ticks(supervisor) == state["starts"]["supervisor"]:
                return state
        except (OSError, ValueError, KeyError):
            continue
    return None


def base_url() -> str:
    """Return the address of the pages: the public URL, the running service's, or the settings'."""
    if settings().api.public_url:
        return settings().api.public_url
    running = running_service()
    if running is not None and running["address"]:
        return str(running["address"])
    return f"http://{settings().api.host}:{settings().api.port}"
