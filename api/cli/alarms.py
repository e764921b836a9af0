"""``alarms show acknowledge``: what the journal contradicts, and what was dealt with."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.access import AsJson
from api.cli.context import AGENT, print_json, say, system
from signing.ground.clock import stamp

alarms = typer.Typer(help="Alarmes : celles en cours, les reconnaître.", no_args_is_help=True)


@alarms.command("show")
def alarms_show(as_json: AsJson = False) -> None:
    """Montre les alarmes en cours : ce que le journal des preuves contredit."""
    from archive.database.alarms import open_alarms

    with system().database.read() as session:
        found = [
            {"name": row.subject, "what": row.detail, "since": stamp(row.first_at), "times": row.times}
            for row in open_alarms(session)
        ]
    for one in found:
        if as_json:
            print_json(one)
        else:
            say(f"{one['name']} : {one['what']}, depuis {one['since']} ({one['times']} fois).")
    if not found and not as_json:
        say("Aucune alarme en cours.")


@alarms.command("acknowledge")
def alarms_acknowledge(name: Annotated[str, typer.Argument(help="Nom, comme « alarms show » le donne.")]) -> None:
    """Met fin à une alarme venue d’une preuve montrée, une fois l’affaire traitée."""
    from archive.journal.acknowledgement import acknowledge

    one = system()
    entry = acknowledge(one.database, one.ledger, one.clock, name, agent=AGENT)
    one.notifier.notify()
    say(f"Alarme reconnue, entrée {entry.n} du journal.")
