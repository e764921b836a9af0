"""``seal``: the commands that show and replace what seals and stamps."""

from __future__ import annotations

import typer

from api.cli.access import AsJson
from api.cli.context import print_json, say, system

seal = typer.Typer(help="Le cachet et l’autorité d’horodatage.", no_args_is_help=True)


@seal.command("show")
def seal_show(as_json: AsJson = False) -> None:
    """Ce qui scelle et horodate, et jusqu’à quand."""
    from api.operations.deadlines import NAMES, deadlines

    now = system().clock()
    found = [
        {
            "what": one.what,
            "name": one.validity.name,
            "begins": f"{one.validity.begins:%Y-%m-%d}",
            "ends": f"{one.validity.ends:%Y-%m-%d}",
            "days_left": one.days_left(now),
        }
        for one in deadlines(system())
    ]
    for one in found:
        if as_json:
            print_json(one)
        else:
            what = NAMES[str(one["what"])]
            say(f"{what} : {one['name']}, du {one['begins']} au {one['ends']} ({one['days_left']} jours).")


@seal.command("replace")
def seal_replace(as_json: AsJson = False) -> None:
    """Met en place un autre cachet, l’inscrit au journal, et publie ses certificats.

    Celui que les réglages nomment (CHARTRIER_SEAL_PKCS12) ; sans réglage, un nouveau cachet
    fabriqué ici, avec sa racine et son horodatage. Une autorité d’horodatage changée dans les
    réglages (CHARTRIER_TSA_URLS) est essayée et inscrite de même. Ce qui a été scellé avant reste
    vérifiable.
    """
    done = system().proofs.replace()
    if as_json:
        print_json({"former": done.former, "seal": done.seal, "replaced": done.former != done.seal})
        return
    say(f"Cachet en place : SHA-256 {done.seal}")
    say(f"Cachet précédent : SHA-256 {done.former}")
    say("Le service en marche suit de lui-même. Transmettez le nouveau fichier de confiance à qui vérifie.")
