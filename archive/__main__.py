"""Offline checks: ``python -m archive verify STORE --trust trust.json``.

Who must have vouched for the journal is named by the trust file, or by ``--root CA.pem`` with
``--signer SHA-256``; a root alone is answered with the name of the seal's holder and status 4.

Exit status: 0 intact, 3 altered or missing, 4 unverifiable.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive.custody.offline import check_store
from archive.evidence.verify import Trust, read_trust
from archive.objects.fixity import Fixity, gravest

_STATUS = {Fixity.INTACT: 0, Fixity.ALTERED: 3, Fixity.MISSING: 3, Fixity.UNVERIFIABLE: 4}


def main(arguments: list[str] | None = None) -> int:
    """Check a store and print one line for each thing checked."""
    parser = argparse.ArgumentParser(prog="python -m archive", description="Contrôles hors ligne d’un magasin.")
    commands = parser.add_subparsers(required=True)
    verify = commands.add_parser("verify", help="journal et documents, d’après les seuls fichiers du magasin")
    verify.add_argument("store", type=Path)
    verify.add_argument("--root", type=Path, action="append", default=[], help="certificat racine (PEM)")
    verify.add_argument("--signer", action="append", default=[], help="SHA-256 du certificat du cachet attendu")
    verify.add_argument("--trust", type=Path, help="fichier de confiance, obtenu par une autre voie")
    given = parser.parse_args(arguments)
    expected = read_trust(given.trust.read_bytes()) if given.trust else Trust()
    named = expected.seals | {who.replace(":", "").lower() for who in given.signer}
    trusted = [c.public_bytes(Encoding.DER) for c in (*expected.roots, *expected.stamps)]
    trusted += [
        certificate.public_bytes(Encoding.DER)
        for path in given.root
        for certificate in x509.load_pem_x509_certificates(path.read_bytes())
    ]
    verdicts = []
    for finding in check_store(given.store, trusted, named):
        sys.stdout.write(f"{finding.verdict.upper():<13} {finding.name} : {finding.detail}\n")
        verdicts.append(finding.verdict)
    worst = gravest(verdicts)
    sys.stdout.write(f"{worst.upper()}\n")
    return _STATUS[worst]


if __name__ == "__main__":
    sys.exit(main())
