"""``checkpoint`` and ``rebuild``: commands that maintain the proofs and the index."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import custody
from api.cli.access import AsJson, Tenant
from api.cli.context import console, print_json, say, system

rebuild = typer.Typer(help="Reconstruire ce qui peut l’être.", no_args_is_help=True)


def checkpoint(as_json: AsJson = False) -> None:
    """Scelle le journal maintenant : arbre, signature et horodatage."""
    from api.views.proofs import checkpoint as latest

    system().publisher.publish(force_token=True)
    with system().database.read() as session:
        row = latest(session, None)
    if as_json:
        print_json({"number": row.number, "size": row.size, "root": row.root, "time_stamped": row.token is not None})
    else:
        stamped = "horodaté" if row.token is not None else "sans jeton"
        say(f"Scellement {row.number} : {row.size} entrées, {stamped}.")


rebuild.command("all")(custody.rebuild_all)


@rebuild.command("index")
def rebuild_index(
    tenant: Tenant = None,
    everyone: Annotated[bool, typer.Option("--all", help="Toutes les collectivités.")] = False,
    as_json: AsJson = False,
) -> None:
    """Refait l’index de recherche depuis le journal et le magasin, puis l’échange avec l’ancien."""
    from rich.progress import Progress

    from api.access.tenants import all_tenants
    from api.cli.context import choose_tenant

    if everyone:
        with system().database.read() as session:
            tenants = [row.id for row in all_tenants(session)]
    else:
        tenants = [choose_tenant(tenant)]
    for one in tenants:
        with Progress(console=console(stderr=True), transient=True) as progress:
            task = progress.add_task(one, total=None)

            def on_progress(done: int, total: int | None = None, task: object = task) -> None:
                progress.update(task, completed=done, total=total)  # type: ignore[arg-type]

            count = system().follower.rebuild(one, on_progress)
        if as_json:
            print_json({"tenant": one, "records": count})
        else:
            say(f"{one} : index refait, {count} document(s).")
