"""``trust export``: who must have sealed and logged here, for those who check our evidence."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.context import say, system

trust = typer.Typer(help="Confiance : qui doit avoir scellé et journalisé.", no_args_is_help=True)


@trust.command("export")
def trust_export(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Fichier à écrire ; à défaut l’écran.")] = None,
) -> None:
    """Écrit le fichier de confiance ; à remettre par une autre voie que le dossier de preuve."""
    from api.views.trust import trust_file_of

    content = trust_file_of(system())
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(content + b"\n")
        return
    output.write_bytes(content + b"\n")
    digest = hashlib.sha256(content + b"\n").hexdigest()
    say(f"{output} : SHA-256 {digest}, à faire confirmer de vive voix.")
