"""``chartrier``: the command line. Heavy parts are loaded by the commands that need them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli import (
    access,
    alarms,
    backups,
    clock,
    context,
    custody,
    demo,
    departure,
    deposits,
    doctor,
    proofs,
    records,
    retries,
    trust,
    upkeep,
)
from ingestion.logs import configure_logs
from signing.ground.errors import ChartrierError, Refused

app = typer.Typer(
    name="chartrier",
    help="Service d’archives : verser, retrouver, prouver.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def root(
    config: Annotated[
        Path | None, typer.Option(help="Fichier de réglages TOML.", envvar="CHARTRIER_CONFIG", dir_okay=False)
    ] = None,
) -> None:
    """Service d’archives : verser, retrouver, prouver."""
    context.use_config(config)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Adresse d’écoute.")] = None,
    port: Annotated[int | None, typer.Option(help="Port d’écoute ; 0 : un port libre.")] = None,
    only: Annotated[str, typer.Option(help="Une partie seulement : api,worker,beat.")] = "",
) -> None:
    """Tout le service sur cette machine : API, pages, traitement, courtier, un seul superviseur."""
    import os

    from api.server.supervisor import PARTS

    context.settings()  # a bad setting is refused here, in words, before anything starts
    unknown = [part for part in only.split(",") if part and part not in PARTS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)} : choisissez parmi {', '.join(PARTS)}", param_hint="--only")
    arguments = [sys.executable, "-m", "api.server.supervisor", "serve"]
    for name, value in (
        ("--host", host),
        ("--port", port),
        ("--only", only or None),
        ("--config", context.config()),
    ):
        if value is not None:
            arguments += [name, str(value)]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - the supervisor takes this process's place, without Typer in memory


@app.command()
def initialise() -> None:
    """Prépare ou met à jour base, magasin et clés, puis s’arrête ; « serve » le fait aussi."""
    from ingestion.assembly import assemble

    made = assemble(context.settings())
    try:
        made.initialise()
    finally:
        made.close()


app.command()(demo.demo)
app.command()(deposits.deposit)
app.command()(retries.retry)
app.command()(records.search)
app.command()(records.show)
app.command()(records.fetch)
app.command()(records.verify)
app.command("verify-bundle")(records.verify_bundle)
app.command()(records.evidence)
app.command()(upkeep.checkpoint)
app.command()(backups.backup)
app.command()(departure.depart)
app.command("rehearse-restore")(backups.rehearse_restore)
app.command()(custody.reconcile)
app.command()(custody.copies)
app.command()(doctor.doctor)
app.add_typer(upkeep.rebuild, name="rebuild")
app.add_typer(proofs.seal, name="seal")
app.add_typer(access.key, name="key")
app.add_typer(access.tenant, name="tenant")
app.add_typer(trust.trust, name="trust")
app.add_typer(alarms.alarms, name="alarms")
app.add_typer(clock.clock, name="clock")
app.add_typer(access.user, name="user")


def main() -> None:
    """Run a command; one of our errors becomes a message and an exit code.

    Warnings of the log go to standard error: standard output holds only the result of the command,
    JSON lines for example.
    """
    configure_logs(level=logging.WARNING)
    try:
        app()
    except ChartrierError as error:
        context.console(stderr=True).print(f"{error}", markup=False, style="red")
        sys.exit(context.REFUSED if isinstance(error, Refused) else _grave(error))


def _grave(error: ChartrierError) -> int:
    from signing.ground.errors import Corrupt

    return context.ALTERED if isinstance(error, Corrupt) else context.AWAY


if __name__ == "__main__":
    main()
