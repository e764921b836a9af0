"""``depart``: everything of a tenant as packages of SEDA with their proofs, into a folder."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from api.access.callers import Caller
from api.cli.access import AsJson
from api.cli.context import choose_tenant, print_json, say, system

if TYPE_CHECKING:
    from collections.abc import Callable

Folder = Annotated[Path, typer.Argument(help="Dossier vide, ou à créer, qui reçoit tout.")]


def depart(
    folder: Folder,
    tenant: Annotated[str, typer.Option(help="Collectivité qui part.")],
    to: Annotated[str, typer.Option(help="Identifiant du service d’archives destinataire.")],
    version: Annotated[str, typer.Option(help="Version du SEDA : 2.1, 2.2 ou 2.3.")] = "2.2",
    as_json: AsJson = False,
) -> None:
    """Écrit tout ce qu’une collectivité a déposé : paquets SEDA, preuves, liste, empreintes."""
    from api.views.seda_schemas import DeliveryGiven
    from api.views.seda_sending import made_delivery, written_listing, written_package, written_proofs

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise typer.BadParameter(f"{folder} n’est pas vide")
    if version not in {"2.1", "2.2", "2.3"}:
        raise typer.BadParameter("la version est 2.1, 2.2 ou 2.3")
    here, owner = system(), choose_tenant(tenant)
    # who runs this has the machine: no hold reserves reading from them; a removal must end first
    caller = Caller("service", "cli", "chartrier depart", owner, frozenset({"admin", "hold:write"}))
    given = DeliveryGiven(everything=True, archival_agency=to, version=version)
    row = made_delivery(here, caller, given)
    listing = written_listing(here, caller, row.id)
    sums = [_put(folder / "liste.csv", lambda out: out.write(listing))]
    for package in row.content["packages"]:
        number = package["number"]
        for name, write in (("paquet", written_package), ("preuves", written_proofs)):
            path = folder / f"{name}-{number:03}.zip"
            sums.append(_put(path, partial(write, here, caller, row.id, number)))
    (folder / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for digest, name in sums), encoding="utf-8")
    told = {
        "delivery": row.id,
        "packages": len(row.content["packages"]),
        "records": sum(len(one["records"]) for one in row.content["packages"]),
        "left_out": len(row.content["left_out"]),
        "folder": str(folder),
    }
    if as_json:
        print_json(told)
    else:
        say(
            f"{told['records']} documents en {told['packages']} paquets, {told['left_out']} hors SEDA "
            f"(entiers dans les preuves) : {folder}"
        )


def _put(path: Path, write: Callable[[IO[bytes]], object]) -> tuple[str, str]:
    """Write a file; return its SHA-256 and its name."""
    with path.open("w+b") as out:
        write(out)
        out.flush()
        out.seek(0)
        return hashlib.file_digest(out, "sha256").hexdigest(), path.name
