"""``retry``: run failed or quarantined deposits again."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.access import AsJson, Tenant
from api.cli.context import AGENT, choose_tenant, print_json, say, system
from ingestion.deposits.states import DepositState


def retry(
    deposits: Annotated[list[str] | None, typer.Argument(help="Identifiants de versements.")] = None,
    state: Annotated[str, typer.Option(help="« quarantined » : tous ceux qui sont mis à part…")] = "",
    reason: Annotated[str, typer.Option(help="… pour ce motif, par exemple workers_killed.")] = "",
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Relance des versements : nommés, ou tous ceux qui ont été mis à part pour un motif."""
    chosen = choose_tenant(tenant)
    named = list(deposits or [])
    if bool(named) == bool(state) or (state and (state != DepositState.QUARANTINED or not reason)):
        raise typer.BadParameter("nommez des versements, ou donnez --state quarantined et --reason MOTIF")

    def again(deposit_id: str) -> None:
        system().retry(chosen, deposit_id, AGENT)

    if state:
        from ingestion.processing.retry import retry_set_aside

        named = retry_set_aside(system().database, chosen, reason, again)
    else:
        for deposit_id in named:
            again(deposit_id)
    if as_json:
        print_json({"retried": named})
        return
    for deposit_id in named:
        say(f"{deposit_id} : relancé")
