"""Offline checks: ``python -m archive verify STORE [--root ROOT.pem]``.

Exit status: 0 intact, 3 altered or missing, 4 unverifiable.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive.custody.offline import check_store
from archive.objects.fixity import Fixity, gravest

_STATUS = {Fixity.INTACT: 0, Fixity.ALTERED: 3, Fixity.MISSING: 3, Fixity.UNVERIFIABLE: 4}


def main(arguments: list[str] | None = None) -> int:
    """Check a store and print one line for each thing checked."""
    parser = argparse.ArgumentParser(prog="python -m archive", description="Contrôles hors ligne d’un magasin.")
    commands = parser.add_subparsers(required=True)
    verify = commands.add_parser("verify", help="journal et documents, d’après les seuls fichiers du magasin")
    verify.add_argument("store", type=Path)
    verify.add_argument("--root", type=Path, action="append", default=[], help="certificat racine (PEM)")
    given = parser.parse_args(arguments)
    trusted = [
        certificate.public_bytes(Encoding.DER)
        for path in given.root
        for certificate in x509.load_pem_x509_certificates(path.read_bytes())
    ]
    verdicts = []
    for finding in check_store(given.store, trusted):
        sys.stdout.write(f"{finding.verdict.upper():<13} {finding.name} : {finding.detail}\n")
        verdicts.append(finding.verdict)
    worst = gravest(verdicts)
    sys.stdout.write(f"{worst.upper()}\n")
    return _STATUS[worst]


if __name__ == "__main__":
    sys.exit(main())
