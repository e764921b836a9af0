"""Every page that the browser looks at, told once: name, role of the visitor, address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PAGES: Final[dict[str, tuple[str | None, str]]] = {
    "connexion": (None, "/connexion"),
    "lien": (None, "/connexion/inconnu"),
    "verifier": (None, "/verifier"),
    "accueil": ("platform_admin", "/"),
    "depots": ("platform_admin", "/depots?tous=1"),
    "depot": ("platform_admin", "/depots/{registre[id]}"),
    "depot avec réserve": ("platform_admin", "/depots/{chiffre[id]}"),
    "recepisse": ("platform_admin", "/depots/{registre[id]}/recepisse"),
    "recherche": ("platform_admin", "/recherche"),
    "résultats": ("platform_admin", "/recherche?q=commune&document_type=registre"),
    "aucun résultat": ("platform_admin", "/recherche?q=xylophonequadrature"),
    "document": ("platform_admin", "/documents/{registre[record_id]}?q=commune"),
    "document gelé": ("archivist", "/documents/{chiffre[record_id]}"),
    "gels": ("archivist", "/gels"),
    "gel nouveau": ("archivist", "/gels/nouveau?portee=query&words=commune"),
    "gel": ("archivist", "/gels/{chiffre[hold_id]}"),
    "gels finis": ("archivist", "/gels?etat=finis"),
    "document signé": ("platform_admin", "/documents/{convention[record_id]}"),
    "plan": ("archivist", "/plan"),
    "noeud": ("archivist", "/plan/{dossier[id]}"),
    "noeud avec documents": ("archivist", "/plan/{dossier[id]}?mots=registre"),
    "plan échange": ("archivist", "/plan/echange"),
    "services": ("archivist", "/services?jour=2012-05-01"),
    "service": ("archivist", "/services/ROUTES"),
    "conventions": ("archivist", "/conventions"),
    "convention nouvelle": ("archivist", "/conventions/nouvelle"),
    "convention": ("archivist", "/conventions/CONV-1"),
    "règles": ("archivist", "/regles"),
    "règle nouvelle": ("archivist", "/regles/nouvelle"),
    "règle": ("archivist", "/regles/DEP-FIN-008"),
    "règles jeu": ("archivist", "/regles/jeux/fr-commune"),
    "types": ("archivist", "/types?mots=facture"),
    "type": ("archivist", "/types/facture"),
    "événements": ("archivist", "/evenements"),
    "événement": ("archivist", "/evenements/fin-du-bail"),
    "occulter": ("archivist", "/documents/{registre[record_id]}/occulter"),
    "communications": ("archivist", "/communications"),
    "demande": ("archivist", "/communications/{demande[id]}"),
    "entrees": ("archivist", "/entrees"),
    "registres": ("archivist", "/registres?annee=2026"),
    "récolement nouveau": ("archivist", "/recolements/nouveau"),
    "récolement": ("archivist", "/recolements/{recolement[id]}"),
    "à faire": ("archivist", "/"),
    "échéances": ("archivist", "/echeances?day=1&month=1&year=2090"),
    "liste d’échéances": ("archivist", "/echeances?day=1&month=1&year=2090&liste=to_transfer"),
    "échéances groupées": ("archivist", "/echeances?day=1&month=1&year=2090&liste=to_eliminate&grouper=rule"),
    "calendrier": ("archivist", "/echeances/calendrier"),
    "tri": ("archivist", "/tri"),
    "tri des dossiers": ("archivist", "/tri?unite=file&service=Finances"),
    "tri nouveau": ("archivist", "/tri/nouveau?regle=DEP-FIN-008"),
    "tri ouvert": ("archivist", "/tri/{tri[id]}"),
    "versements": ("archivist", "/versements"),
    "paquets d’un bordereau": ("archivist", "/bordereaux/{remise[id]}/paquets"),
    "versement": ("archivist", "/versements/{versement[id]}"),
    "bordereaux": ("archivist", "/bordereaux"),
    "bordereau nouveau": ("archivist", "/bordereaux/nouveau"),
    "retrait": ("archivist", "/retraits/nouveau?documents={registre[record_id]}"),
    "bordereau": ("archivist", "/bordereaux/{bordereau[id]}"),
    "lignes d’un bordereau": ("archivist", "/bordereaux/{bordereau[id]}?groupe=1"),
    "avis préalables": ("archivist", "/bordereaux/{bordereau[id]}/avis"),
    "bordereau papier": ("archivist", "/bordereaux/{bordereau[id]}/papier"),
    "saisie d’un visa": ("archivist", "/bordereaux/{bordereau[id]}/papier/{copie[id]}"),
    "confirmation d’un visa": ("archivist", "/bordereaux/{bordereau[id]}/saisie/{saisie[id]}"),
    "accueil du contrôleur": ("controller", "/"),
    "visa": ("controller", "/bordereaux/{bordereau[id]}/visa"),
    "invitations": ("archivist", "/bordereaux/{bordereau[id]}/invitations"),
    "courriels": ("archivist", "/courriels"),
    "lien d’un invité": (None, "/visa/inconnu"),
    "visite finie": (None, "/visa/bordereau"),
    "etat": ("platform_admin", "/etat"),
    "aide": (None, "/aide"),
    "accessibilite": (None, "/accessibilite"),
    "introuvable": ("platform_admin", "/rien-ici"),
}
"""Name -> (role, address); ``{registre[id]}`` is a member of the view of a kept sample."""


def address_of(name: str, kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the address of a page.

    Args:
        kept: Deposit views of the samples, by name.
    """
    return PAGES[name][1].format(**kept)
