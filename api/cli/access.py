"""Commands ``key``, ``tenant``, ``user``: access to the service."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.context import base_url, choose_tenant, print_json, say, system
from archive.model.days import DEFAULT_ZONE
from archive.retention.packs import DEFAULT_PACK, PACKS
from signing.ground.clock import stamp
from signing.ground.errors import Refused

key = typer.Typer(help="Clés des applications.", no_args_is_help=True)
tenant = typer.Typer(help="Collectivités.", no_args_is_help=True)
user = typer.Typer(help="Personnes.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Une ligne de JSON par résultat.")]
Tenant = Annotated[str | None, typer.Option(help="Collectivité ; inutile s’il n’y en a qu’une.")]


@key.command("create")
def key_create(
    scopes: Annotated[str, typer.Option(help="Droits, séparés par des virgules.")],
    tenant: Tenant = None,
    name: Annotated[str, typer.Option(help="À quoi elle sert.")] = "application",
    as_json: AsJson = False,
) -> None:
    """Crée une clé ; elle n’est montrée que cette fois."""
    from api.access.keys import create_key

    chosen = choose_tenant(tenant)
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with system().database.write() as session:
        row, plain = create_key(session, tenant=chosen, scopes=wanted, name=name, now=system().clock())
    if as_json:
        print_json({"id": row.id, "key": plain})
    else:
        say(f"{plain}\nNotez-la maintenant : elle ne sera plus montrée. Identifiant : {row.id}")


@key.command("list")
def key_list(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Les clés d’une collectivité."""
    from api.access.keys import keys_of

    chosen = choose_tenant(tenant)
    with system().database.read() as session:
        rows = keys_of(session, chosen)
    for row in rows:
        state = "révoquée" if row.revoked_at else "active"
        if as_json:
            shown = {
                "id": row.id,
                "name": row.name,
                "prefix": row.prefix,
                "scopes": row.scopes,
                "tenant": chosen,
            }
            print_json(shown | {"revoked_at": stamp(row.revoked_at) if row.revoked_at else None})
        else:
            say(f"{row.id}  {row.prefix}…  {state}  {row.name}  {','.join(row.scopes)}")


@key.command("revoke")
def key_revoke(key_id: str) -> None:
    """Révoque une clé, tout de suite et pour toujours."""
    from api.access.keys import revoke_key

    with system().database.write() as session:
        if not revoke_key(session, key_id, system().clock()):
            raise Refused("key_not_found", "Cette clé n’existe pas.", action="Voyez « chartrier key list ».")
    say("Clé révoquée.")


@tenant.command("create")
def tenant_create(
    identifier: Annotated[str, typer.Argument(help="Nom court : a-z, 0-9, « - ».")],
    name: Annotated[str, typer.Option(help="Nom de la collectivité.")],
    time_zone: Annotated[str, typer.Option(help="Fuseau où commencent ses jours.")] = DEFAULT_ZONE,
    pack: Annotated[str, typer.Option(help=f"Jeu de règles : {', '.join(PACKS)}.")] = DEFAULT_PACK,
    as_json: AsJson = False,
) -> None:
    """Crée une collectivité avec ses types de documents et ses règles de conservation."""
    system().initialise()
    made = system().create_tenant(identifier, name, time_zone, pack)
    if as_json:
        print_json({"id": identifier, "name": name, "created": made})
    else:
        say(f"Collectivité « {identifier} » {'créée' if made else 'déjà là, inchangée'}.")


@tenant.command("time-zone")
def tenant_time_zone(
    identifier: Annotated[str, typer.Argument(help="Nom court de la collectivité.")],
    time_zone: Annotated[str, typer.Argument(help="Par exemple America/Guadeloupe.")],
) -> None:
    """Change le fuseau où commencent les jours d’une collectivité, et l’inscrit au registre."""
    from api.access.tenants import require_tenant

    with system().database.read() as session:
        require_tenant(session, identifier)
    moved = system().register.move_to(identifier, time_zone)
    say(f"Collectivité « {identifier} » : {time_zone}{'' if moved else ', inchangé'}.")


@tenant.command("list")
def tenant_list(as_json: AsJson = False) -> None:
    """Les collectivités de l’installation."""
    from api.access.tenants import all_tenants

    with system().database.read() as session:
        rows = all_tenants(session)
    for row in rows:
        if as_json:
            print_json(
                {"id": row.id, "name": row.name, "created_at": stamp(row.created_at), "time_zone": row.time_zone}
            )
        else:
            say(f"{row.id}  {row.name}  {row.time_zone}")


@user.command("create")
def user_create(
    name: Annotated[str, typer.Argument(help="Nom de la personne.")],
    role: Annotated[str, typer.Option(help="clerk reader archivist controller tenant_admin platform_admin")],
    tenant: Tenant = None,
    service: Annotated[str | None, typer.Option(help="Service pour lequel elle verse.")] = None,
    mail: Annotated[str, typer.Option(help="Adresse où rappeler les visas attendus, et dire les refus.")] = "",
    as_json: AsJson = False,
) -> None:
    """Crée une personne et son premier lien de connexion."""
    from api.access.people import create_user
    from api.access.sessions import login_link

    chosen = choose_tenant(tenant)
    now = system().clock()
    with system().database.write() as session:
        row = create_user(session, tenant=chosen, name=name, role=role, now=now, service=service, mail=mail)
        link = f"{base_url()}/connexion/{login_link(session, row, now)}"
    if as_json:
        print_json({"id": row.id, "link": link})
    else:
        say(f"{row.id}\nLien de connexion, valable une fois pendant une demi-heure :\n{link}")


@user.command("list")
def user_list(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Les personnes d’une collectivité."""
    from api.access.people import people_of

    chosen = choose_tenant(tenant)
    with system().database.read() as session:
        rows = people_of(session, chosen)
    for row in rows:
        if as_json:
            print_json({"id": row.id, "name": row.name, "role": row.role, "tenant": chosen})
        else:
            say(f"{row.id}  {row.role}  {row.name}")


@user.command("link")
def user_link(user_id: str, as_json: AsJson = False) -> None:
    """Un nouveau lien de connexion, valable une fois."""
    from api.access.sessions import login_link
    from api.access.tables import UserRow

    now = system().clock()
    with system().database.write() as session:
        row = session.get(UserRow, user_id)
        if row is None or row.disabled_at is not None:
            raise Refused("user_not_found", "Cette personne n’existe pas.", action="Voyez « chartrier user list ».")
        link = f"{base_url()}/connexion/{login_link(session, row, now)}"
    if as_json:
        print_json({"id": user_id, "link": link})
    else:
        say(link)
