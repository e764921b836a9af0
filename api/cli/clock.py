"""``clock show confirm reinstate``: the machine's clock, and what a wrong one ended."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.access import AsJson, Tenant
from api.cli.context import AGENT, choose_tenant, print_json, say, system
from signing.ground.clock import stamp

clock = typer.Typer(help="Horloge : ce qui en est su, la confirmer.", no_args_is_help=True)


@clock.command("show")
def clock_show(as_json: AsJson = False) -> None:
    """Dit si l’horloge de la machine est sûre, et sinon pourquoi."""
    known = system().time_sense.sense()
    if as_json:
        asked = known.witnessed_at
        print_json(
            {
                "now": stamp(system().clock()),
                "trusted": known.trusted,
                "reason": str(known.reason) if known.reason is not None else None,
                "difference": known.difference,
                "delayed": known.delayed,
                "certain_at": stamp(system().time_sense.certain_now()),
                "witnessed_at": stamp(asked) if asked is not None else None,
            }
        )
        return
    say(f"L’horloge donne {stamp(system().clock())}.")
    if not known.trusted:
        say(f"Elle est mise en doute ({known.reason}, {known.difference} s) : « chartrier clock confirm » la confirme.")
    elif known.delayed:
        say("Plus d’un jour a passé sans être vu du service : ce qui est irréversible attend 24 heures de marche.")
    else:
        say("Elle est sûre.")


@clock.command("confirm")
def clock_confirm() -> None:
    """Confirme que la machine est à l’heure : gels, verrous et horodatage reprennent."""
    from archive.journal.corrections import confirm

    one = system()
    entry = confirm(one.database, one.ledger, one.clock, one.time_sense, agent=AGENT)
    one.notifier.notify()
    say(f"Horloge confirmée, entrée {entry.n} du journal.")


@clock.command("reinstate")
def clock_reinstate(
    hold_id: Annotated[str, typer.Argument(help="Gel qui a pris fin sous une horloge fausse.")], tenant: Tenant = None
) -> None:
    """Rétablit un gel qu’une horloge fausse a fait finir : mêmes documents, même motif."""
    from api.views.hold import reinstate

    made = reinstate(system(), choose_tenant(tenant), hold_id, agent=AGENT)
    say(f"Gel {hold_id} rétabli : {made}.")
