"""Offline checks: ``python -m archive verify STORE --trust trust.json``, or ``verify-certificate``.

Who must have vouched for the journal is named by the trust file, or by ``--root CA.pem`` with
``--signer SHA-256``; a root alone is answered with the name of the seal's holder and status 4.

Exit status: 0 intact, 3 altered or missing, 4 unverifiable (also: no store there), 2 wrong
arguments, such as a trust file or root that can't be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive.custody.offline import check_store
from archive.custody.offline_log import Anchors
from archive.evidence.verify import EXIT, FAULTS, Trust, read_trust, trust_of, verdict_of
from archive.evidence.verify_certificate import CertificateVerifier
from archive.objects.fixity import Fixity, gravest

_STATUS = {Fixity.INTACT: 0, Fixity.ALTERED: 3, Fixity.MISSING: 3, Fixity.UNVERIFIABLE: 4}

_Read = TypeVar("_Read")


def _from_file(read: Callable[[bytes], _Read], what: str) -> Callable[[str], _Read]:
    """Return what reads a file named on the command line, or calls it a wrong argument."""

    def opened(path: str) -> _Read:
        try:
            return read(Path(path).read_bytes())
        except FAULTS as fault:
            raise argparse.ArgumentTypeError(f"{path} n’est pas {what} qui se lise : {fault}") from fault

    return opened


def main(arguments: list[str] | None = None) -> int:
    """Check a store or a certificate, and print one line for each thing checked."""
    parser = argparse.ArgumentParser(prog="python -m archive", description="Contrôles hors ligne.")
    commands = parser.add_subparsers(required=True)
    verify = commands.add_parser("verify", help="journal et documents, d’après les seuls fichiers du magasin")
    verify.add_argument("store", type=Path)
    verify.set_defaults(check=_check_store)
    certificate = commands.add_parser("verify-certificate", help="un certificat d’élimination, et sa page")
    certificate.add_argument("certificate", type=_there, help="certificate.json")
    certificate.add_argument("--pdf", type=_there, help="sa page, certificate.pdf")
    certificate.set_defaults(check=_check_certificate)
    for command in (verify, certificate):
        _add_anchors(command)
    given = parser.parse_args(arguments)
    check: Callable[[argparse.Namespace], int] = given.check
    return check(given)


def _add_anchors(command: argparse.ArgumentParser) -> None:
    rooted = _from_file(x509.load_pem_x509_certificates, "un certificat racine (PEM)")
    trusted = _from_file(read_trust, "un fichier de confiance")
    command.add_argument("--root", type=rooted, action="append", default=[], help="certificat racine (PEM)")
    command.add_argument("--signer", action="append", default=[], help="SHA-256 du certificat du cachet attendu")
    told = "fichier de confiance, obtenu par une autre voie"
    command.add_argument("--trust", type=trusted, default=Trust(), help=told)


def _check_store(given: argparse.Namespace) -> int:
    named = given.trust.seals | {who.replace(":", "").lower() for who in given.signer}
    by_hand = [certificate for found in given.root for certificate in found]  # for seals and for time-stamps
    anchors = Anchors(_ders(*given.trust.roots, *by_hand), _ders(*given.trust.stamps, *by_hand))
    verdicts = []
    for finding in check_store(given.store, anchors, named):
        sys.stdout.write(f"{finding.verdict.upper():<13} {finding.name} : {finding.detail}\n")
        verdicts.append(finding.verdict)
    worst = gravest(verdicts)
    sys.stdout.write(f"{worst.upper()}\n")
    return _STATUS[worst]


def _check_certificate(given: argparse.Namespace) -> int:
    checks = CertificateVerifier(given.certificate, trust_of(given), datetime.now(UTC), given.pdf).run()
    for check in checks:
        told = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in check.detail)
        sys.stdout.write(f"{check.verdict.upper():<13} {check.name} : {told}\n")
    status, said = EXIT[verdict_of(checks)]
    sys.stdout.write(f"{said}\n")
    return status


def _there(path: str) -> Path:
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{path} n’est pas là")
    return Path(path)


def _ders(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)


if __name__ == "__main__":
    sys.exit(main())
