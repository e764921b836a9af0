"""``trust``: who must have sealed and logged here; whom we trust, and what was revoked."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.access import AsJson
from api.cli.context import print_json, say, system

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
    try:
        output.write_bytes(content + b"\n")
    except OSError as error:
        raise typer.BadParameter(f"{output} : {error.strerror}", param_hint="--output") from error
    digest = hashlib.sha256(content + b"\n").hexdigest()
    say(f"{output} : SHA-256 {digest}, à faire confirmer de vive voix.")


@trust.command("refresh")
def trust_refresh(as_json: AsJson = False) -> None:
    """Télécharge les listes de révocation et réponses OCSP des autorités de confiance.

    Seules comptent les adresses nommées par des certificats qui remontent à une racine de
    « trust/roots » : le cachet, l’horodatage, et les signataires des documents reçus.
    """
    from api.views.trust import certificates_to_follow
    from signing.refresh import http_fetch, refresh

    done = refresh(system().trust, certificates_to_follow(system()), http_fetch, system().clock())
    if as_json:
        print_json({"written": done.written, "failed": done.failed})
    else:
        say(f"{len(done.written)} liste(s) ou réponse(s) à jour dans {system().trust.folder}.")
        for url, why in done.failed.items():
            say(f"{url} : {why}")
    raise typer.Exit(4 if done.failed else 0)
