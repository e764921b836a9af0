"""``rebuild all``, ``reconcile``, ``copies``: commands on the holdings as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.access import AsJson
from api.cli.context import ALTERED, DONE, console, print_json, running_service, say, settings
from ingestion.operations.exclusive_jobs import service_running

if TYPE_CHECKING:
    from archive.custody.findings import Finding

_STEPS = {
    "journal_read": "Journal : relecture et preuve",
    "tenants": "Collectivités",
    "journal": "Journal : inscription",
    "records": "Documents",
    "index": "Index de recherche",
    "store": "Magasin",
    "copies": "Seconde copie",
    "check": "Relecture de la copie",
}
KINDS = {
    "changed": "changé",
    "missing": "manquant",
    "unreadable": "illisible",
    "untracked": "inconnu",
    "unguarded": "sans verrou ou sans gel",
    "stale": "périmé",
    "duplicate": "en double",
}
"""French word for each kind of finding."""

OnProgress = Callable[[str, int, int | None], None]


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Show a progress bar for each step on a terminal, with its speed and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as Left
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), Left())
    with Progress(*columns, console=console(stderr=True), transient=True) as shown:
        tasks: dict[str, Any] = {}

        def on_progress(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(_STEPS.get(step, step), total=total)
            shown.update(tasks[step], completed=done, total=total)

        yield on_progress


def rebuild_all(
    verify: Annotated[bool, typer.Option(help="Relire aussi chaque octet de chaque document.")] = False,
    as_json: AsJson = False,
) -> None:
    """Refait base, journal et index depuis le seul magasin, ou reprend. 0 tout est là, 3 non."""
    from ingestion.assembly import assemble
    from ingestion.operations.custody import Custody

    require_stopped()
    system = assemble(settings())
    try:
        system.prepare_rebuild()
        with progress() as on_progress:
            report = Custody(system, on_progress=on_progress, found=_teller(as_json)).rebuild(thorough=verify)
        keyless = not (settings().signing.keys / "log.key").exists()
    finally:
        system.close()
    fine = report["equal"] and not any(report["counts"].values())
    if as_json:
        print_json({**report, "findings": len(report["findings"]), "log_key": not keyless})
    else:
        _say_rebuilt(report, keyless=keyless)
    raise typer.Exit(DONE if fine else ALTERED)


def reconcile(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Remettre d’aplomb index, attente, verrous et gels, écarter ce qui n’a jamais été confirmé ; "
            "jamais un octet gardé.",
        ),
    ] = False,
    locks: Annotated[bool, typer.Option("--locks", help="Demander aussi chaque verrou à un S3 (long).")] = False,
    as_json: AsJson = False,
) -> None:
    """Rapproche base, journal, magasin et index. 0 tout concorde, 3 il reste un écart."""
    from api.cli.context import system
    from ingestion.operations.custody import Custody

    with progress() as on_progress:
        report = Custody(system(), on_progress=on_progress, found=_teller(as_json)).reconcile(
            repair=repair, ask_locks=locks
        )
    if as_json:
        print_json({**report, "findings": len(report["findings"])})
    else:
        shown = report["records"]
        say(f"Documents : {shown['database']} en base, {shown['store']} au magasin, {shown['index']} à l’index.")
        _say_counts(report)
    raise typer.Exit(ALTERED if report["open"] else DONE)


def copies(
    check: Annotated[bool, typer.Option("--check", help="Relire toute la copie.")] = False,
    restore: Annotated[str | None, typer.Option(help="Document à rétablir depuis la copie saine.")] = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Faire de la copie le magasin ; service arrêté, réglages à échanger.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Met la seconde copie à jour, la contrôle, ou rétablit un document. 0 à jour, 3 un écart."""
    from api.cli.context import system
    from ingestion.operations.custody import Custody

    if restore is not None:
        raise typer.Exit(_restore(restore, as_json=as_json))
    if promote:
        _promote(as_json=as_json)
        return
    with progress() as on_progress:
        report = Custody(system(), on_progress=on_progress, found=_teller(as_json)).copy_everything(check=check)
    if as_json:
        print_json({**report, "findings": len(report["findings"])})
    else:
        say(f"{report['records_behind']} document(s) en retard, copiés ; {report['objects']} objets dans la copie.")
        if check:
            say(f"{report['checked']} objets relus.")
        _say_counts(report)
    raise typer.Exit(ALTERED if report["open"] else DONE)


def _promote(*, as_json: bool) -> None:
    from api.cli.context import system
    from ingestion.operations.custody import Custody

    require_stopped()
    moved = Custody(system()).promote()
    if as_json:
        print_json({"objects": moved})
    else:
        say(f"{moved} objets : le catalogue repose sur la seconde copie.")
        say("Échangez maintenant les réglages CHARTRIER_S3_* et CHARTRIER_COPY_S3_*, puis démarrez le service.")


def require_stopped() -> None:
    """Refuse while the service runs on this home.

    Raises:
        Refused: ``service_running``.
    """
    if running_service() is not None:
        raise service_running()


def _restore(record_id: str, *, as_json: bool) -> int:
    from api.cli.context import AGENT, system, tenant_of_record
    from ingestion.operations.custody import Custody

    done = Custody(system()).restore(tenant_of_record(record_id), record_id, agent=AGENT)
    lost = [one for one in done if not one.store]
    names = {
        "first": "rétabli dans le magasin",
        "second": "recopié dans la copie",
        "": "ABÎMÉ OU ILLISIBLE DANS LES DEUX",
    }
    for one in done:
        if as_json:
            print_json({"record_id": record_id, "path": one.path, "store": one.store or None})
        else:
            say(f"{one.path} : {names[one.store]}.")
    if not done and not as_json:
        say("Rien à rétablir : les deux exemplaires sont intacts, ou ce document n’est pas encore copié.")
    return ALTERED if lost else DONE


def _say_counts(report: dict[str, Any]) -> None:
    counts = [f"{count} {KINDS[kind]}" for kind, count in report["counts"].items() if count]
    if counts:
        say(f"Écarts : {', '.join(counts)} ; {report['repaired']} réparé(s), {report['open']} à traiter.")
    else:
        say("Tout concorde.")
    if report["unfinished"]:
        say(f"{report['unfinished']} modification(s) commencée(s) et jamais achevée(s) : sans conséquence.")
    if report.get("abandoned"):
        say(f"{report['abandoned']} modification(s) jamais confirmée(s), écartée(s) : les documents n’ont pas changé.")
    if report.get("corrected"):
        say(f"{report['corrected']} accusation(s) à tort dans le journal : une entrée y répond (VerdictCorrected).")


def _teller(as_json: bool) -> Callable[[Finding], None]:
    """Return a function that prints each finding as it is made: a JSON line, or a sentence."""

    def on_finding(finding: Finding) -> None:
        if as_json:
            print_json(finding.as_json())
        else:
            done = ", réparé" if finding.repaired else ""
            say(f"{KINDS[finding.kind]:<9} {finding.place} : {finding.what} ({finding.detail}){done}")

    return on_finding


def _say_rebuilt(report: dict[str, Any], *, keyless: bool) -> None:
    names = {
        "database": "Base : documents",
        "journal": "Journal : RecordKept",
        "store": "Magasin : objets",
        "index": "Index : documents",
    }
    for name, words in names.items():
        one = report["sets"][name]
        say(f"{words:<22} {one['count']:>9}  {one['sha-256']}")
    say("Les quatre ensembles sont égaux." if report["equal"] else "LES QUATRE ENSEMBLES DIFFÈRENT.")
    journal = report["journal"]
    if journal["root"]:
        say(
            f"Journal : {journal['entries']} entrées ; racine à {journal['checkpoint']} entrées "
            f"{journal['root']}, égale à celle du dernier scellement."
        )
    else:
        say("Journal : aucun scellement n’était dans le magasin.")
    if report["waiting_deposits"]:
        say(f"{report['waiting_deposits']} dépôt(s) en attente remis en route.")
    if report["recovered"]["count"]:
        say(f"{report['recovered']['count']} entrée(s) perdue(s) avec la base, réinscrite(s) (Recovered…) :")
        for subject in report["recovered"]["subjects"]:
            say(f"  {subject}")
    if report["nameless_tenants"]:
        say(
            f"Sans registre dans le magasin : {', '.join(report['nameless_tenants'])}. "
            "Leur nom et leurs règles propres ne sont pas connus ; les règles livrées leur ont été données."
        )
    say(
        "Ne reviennent pas : les personnes, les clés d’application, les liens de connexion, les clés des pseudonymes "
        "(les auteurs des actions passées ne peuvent plus être nommés), le détail des vérifications passées, "
        "les numéros des scellements qui n’étaient pas horodatés."
    )
    say("Recréez les accès : « chartrier user create », « chartrier key create ».")
    if keyless:
        say("La clé du journal (keys/log.key) manque : rétablissez le dossier keys avant de démarrer le service.")
