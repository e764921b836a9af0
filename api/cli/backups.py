"""``backup`` and ``rehearse-restore``: save the database and keys, and test the restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.access import AsJson
from api.cli.context import ALTERED, DONE, print_json, say, system

Folder = Annotated[Path, typer.Argument(help="Dossier des sauvegardes.", file_okay=False)]


def backup(folder: Folder, as_json: AsJson = False) -> None:
    """Sauvegarde base et clés, avec une liste signée ; les documents sont dans le magasin."""
    from ingestion.operations.backup import back_up

    made = back_up(system(), folder)
    if as_json:
        print_json({"folder": str(made)})
    else:
        say(f"Sauvegarde faite : {made}\nElle contient des clés privées : gardez-la hors de portée.")


def rehearse_restore(
    folder: Folder,
    sample: Annotated[int, typer.Option(min=0, help="Documents relus en entier dans le magasin.")] = 50,
    report: Annotated[Path | None, typer.Option(help="Fichier du compte rendu signé.", dir_okay=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Restaure la dernière sauvegarde à côté, la compare à ce qui tourne, signe le résultat."""
    from ingestion.operations.backup import latest
    from ingestion.operations.rehearsal import rehearse

    if report is not None:
        try:
            report.touch()  # a path that can't be written fails now, not after an hour's work
        except OSError as error:
            raise typer.BadParameter(f"{report} : {error.strerror}", param_hint="--report") from error
    found = latest(folder)
    done = rehearse(system(), found, sample=sample)
    if report is not None:
        report.write_text(done.note, encoding="utf-8")
    if as_json:
        print_json({"backup": str(found.folder), "faults": done.faults, "checks": done.checks, "note": done.note})
    else:
        say(done.note)
        say("La sauvegarde se restaure et concorde." if not done.faults else "\n".join(done.faults))
    raise typer.Exit(ALTERED if done.faults else DONE)
