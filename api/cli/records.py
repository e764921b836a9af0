"""``search show fetch verify verify-bundle evidence``: find, read and prove from a terminal."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.access import AsJson, Tenant
from api.cli.context import (
    AGENT,
    ALTERED,
    AWAY,
    DONE,
    choose_tenant,
    console,
    print_json,
    say,
    system,
    tenant_of_record,
)
from signing.ground.errors import Refused

RecordId = Annotated[str, typer.Argument(help="Identifiant du document.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Fichier à écrire ; « - » : sortie standard.")]


def search(
    query: Annotated[str, typer.Argument(help="Mots, « phrases », -sans, début*, OR.")],
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """Cherche dans les documents ; avec --json, un document trouvé par ligne."""
    from search.port import Query
    from signing.ground.clock import iso

    answer = system().index.search(Query(tenant=choose_tenant(tenant), text=query, limit=limit))
    for hit in answer.hits:
        matches = [{"page": m.page, "text": m.text, "ranges": [list(r) for r in m.ranges]} for m in hit.matches]
        if as_json:
            shown = {"record_id": hit.record_id, "title": hit.title, "document_type": hit.document_type}
            print_json(shown | {"document_date": iso(hit.document_date), "score": hit.score, "matches": matches})
        else:
            pages = ", ".join(str(m["page"]) for m in matches if m["page"])
            say(f"{hit.record_id}  {hit.title}{f'  (pages {pages})' if pages else ''}")
    if not as_json:
        loosened = ", en tolérant les erreurs de lecture" if answer.loosened else ""
        say(f"{answer.total} document(s){loosened}.")


def show(record_id: RecordId, as_json: AsJson = False) -> None:
    """Tout ce qui est su d’un document."""
    from api.views.index_position import position_of
    from api.views.record import find_record, view

    tenant = tenant_of_record(record_id)
    with system().database.read() as session:
        body = view(session, find_record(session, tenant, record_id), system(), position_of(system()))
    if as_json:
        print_json(body)
        return
    say(f"{body['title']}\n{record_id}, révision {body['revision']}, conservé le {body['kept_at'][:10]}")
    for form in body["representations"]:
        digest = form["digests"]["sha-256"]
        say(f"  {form['kind']:<9} {form['media_type']}, {form['size']} octets, sha-256 {digest}")
    for name, verdict in body["verdicts"].items():
        say(f"  {name:<9} {verdict.get('verdict')}")
    say(f"  {body['retention']['explanation']}")
    for warning in body["warnings"]:
        say(f"  ! {warning['detail']}")


def fetch(
    record_id: RecordId,
    representation: Annotated[str, typer.Option(help="original archival text preview")] = "original",
    output: Output = None,
    infected: Annotated[bool, typer.Option(help="Même si un logiciel malveillant y a été trouvé.")] = False,
) -> None:
    """Copie une forme d’un document, vérifiée pendant la copie."""
    from api.views.record import find_representation
    from archive.catalogue.rows import require_harmless
    from archive.objects.fixity import verified

    tenant = tenant_of_record(record_id)
    with system().database.read() as session:
        row = find_representation(session, tenant, record_id, representation)
        require_harmless(session, record_id, confirmed=infected)
    chunks = verified(system().store, row.key, row.version, sha256=row.sha256, size=row.size)
    if output is not None and str(output) == "-":
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        return
    target = output or Path(Path(row.filename).name)
    _write_whole(target, chunks)
    say(f"{target} : {row.size} octets, intacts.")


def _write_whole(target: Path, chunks: Iterator[bytes]) -> None:
    """Write under another name, then rename: a file of the final name is whole and verified."""
    beside = target.with_name(f".{target.name}.part")
    try:
        with beside.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def verify(
    record_ids: Annotated[list[str] | None, typer.Argument(help="Identifiants.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Tous les documents.")] = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Relit et contrôle tout : 0 intact, 3 altéré ou manquant, 4 non vérifiable ou sans verrou."""
    from rich.progress import track

    from api.views.verification import verify as check
    from archive.journal.published import SharedLog

    wanted = list(record_ids or [])
    if everything == bool(wanted):
        raise typer.BadParameter("donnez des identifiants, ou --all")
    if everything:
        wanted = list(_all_records(tenant))
    worst, log = DONE, SharedLog(system().store, system().log_key.vkey)
    quiet = as_json or not console(stderr=True).is_terminal
    for one in track(wanted, "Vérification", console=console(stderr=True), disable=quiet, transient=True):
        result = check(system(), tenant_of_record(one), one, AGENT, published=log)
        worst = _worse(worst, result["verdict"])
        worst = worst if _is_guarded(result) else _worse(worst, "unverifiable")
        worst = _worse(worst, result["journal"])
        if as_json:
            print_json({"id": one, "record_id": one} | result)
        else:
            _say_result(one, result)
            if result["verdict"] != "intact" and system().copy_store is not None:
                say(f"  Une copie existe : « chartrier copies --restore {one} » la contrôle et rétablit ce fichier.")
    if everything:
        worst = _worse(worst, _say_left_out(len(wanted), tenant, as_json=as_json))
    raise typer.Exit(worst)


def _say_left_out(verified: int, tenant: str | None, *, as_json: bool) -> str:
    """Say what was not verified; return the verdict on the whole of it."""
    from api.operations.left_out import left_out

    with system().database.read() as session:
        told = left_out(session, choose_tenant(tenant) if tenant is not None else None)
    if as_json:  # beside the lines about records, which are one a record
        typer.echo(json.dumps({"verified": verified, "left_out": told.as_json()}), err=True)
    else:
        words = {
            "gone": "éliminé(s) ou transféré(s)",
            "waiting": "dépôt(s) en attente",
            "aside": "dépôt(s) mis à l’écart",
            "hidden": "ÉCARTÉ(S) PAR LE CATALOGUE SEUL",
            "lost": "ANNONCÉ(S) PAR LE JOURNAL ET ABSENT(S) DU CATALOGUE",
        }
        counts = [f"{count} {words[name]}" for name, count in told.as_json().items() if count]
        say(f"{verified} document(s) vérifié(s) ; laissé(s) de côté : {', '.join(counts) or 'rien'}.")
    return "missing" if told.contradicts else "intact"


def _all_records(tenant: str | None) -> Iterator[str]:
    from sqlalchemy import select

    from archive.database.tables import RecordRow
    from archive.model.states import RecordState

    query = select(RecordRow.id).where(RecordRow.state == RecordState.KEPT).order_by(RecordRow.id)
    if tenant is not None:
        query = query.where(RecordRow.tenant_id == choose_tenant(tenant))
    with system().database.read() as session:
        yield from session.scalars(query).all()


def _worse(worst: int, verdict: str) -> int:
    code = {"intact": DONE, "altered": ALTERED, "missing": ALTERED}.get(verdict, AWAY)
    rank = (DONE, AWAY, ALTERED)
    return max(worst, code, key=rank.index)


def _is_guarded(result: dict[str, Any]) -> bool:
    return bool(result["custody"] == result["hold"] == "intact")


def _say_result(name: str, result: dict[str, Any]) -> None:
    unguarded = "" if _is_guarded(result) else " ; un verrou ou un gel manque dans le magasin"
    unconfirmed = "" if result["journal"] == "intact" else " ; le journal publié ne le confirme pas"
    say(f"{name} : {result['verdict']}{unguarded}{unconfirmed}")
    for check in result["checks"]:
        if check["verdict"] != "intact":
            say(f"  {check['name']} : {check['verdict']}. {check['detail']}")


def verify_bundle(
    bundle: Annotated[Path, typer.Argument(help="Dossier de preuve (zip).", exists=True, dir_okay=False)],
    trust: Annotated[Path | None, typer.Option(help="Fichier de confiance ; à défaut celui de ce service.")] = None,
    as_json: AsJson = False,
) -> None:
    """Vérifie un dossier de preuve avec le même programme que celui qu’il contient."""
    from api.views.trust import trust_file_of
    from archive.evidence.bundle import looks_like_bundle
    from archive.evidence.bundle import verify_bundle as run

    if not looks_like_bundle(bundle):
        raise Refused("not_a_bundle", "Ce fichier n’est pas un dossier de preuve.", action="Donnez le zip reçu.")
    result = run(bundle, trust=trust.read_bytes() if trust is not None else trust_file_of(system()))
    if as_json:
        print_json(result)
    else:
        for check in result["checks"]:
            say(f"{check['verdict']:<13} {check['name']} : {check['detail']}")
        say(f"Verdict : {result['verdict']}")
    raise typer.Exit(_worse(DONE, result["verdict"]))


def evidence(
    record_id: RecordId,
    output: Annotated[Path, typer.Option("-o", "--output", help="Zip à écrire.")],
    content: Annotated[bool, typer.Option(help="Avec les octets du document.")] = True,
    since: Annotated[
        int | None, typer.Option(min=1, help="Lignes du journal dans une preuve plus ancienne, à prolonger.")
    ] = None,
) -> None:
    """Écrit le dossier de preuve d’un document : de quoi le vérifier sans nous."""
    from api.views.evidence import make_bundle

    with (
        make_bundle(system(), tenant_of_record(record_id), record_id, content=content, since=since) as made,
        output.open("wb") as out,
    ):
        shutil.copyfileobj(made, out)
    say(f"{output} : {output.stat().st_size} octets.")
