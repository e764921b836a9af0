"""Make keys at first start, so that all works before an authority delivers real ones.

The root's own key is destroyed at once: nobody, not even we, can issue under it later. So the root
publishes its one revocation list, empty, when it is made, and a renewal makes a whole new set:
root, list, seal and time-stamping authority. The log's key stays: the journal goes on.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signing.ground.clock import Clock, utc_now
from signing.ground.errors import Corrupt, Refused

FILES = ("root.pem", "seal.pem", "seal.key", "tsa.pem", "tsa.key", "log.key")
CRL = "root.crl"
"""The root's revocation list; sets made by earlier versions have none."""
AHEAD = timedelta(days=365)
"""Time before the first end in a set at which a new one is made."""
BITS = 3072
_YEAR = timedelta(days=365)
_LOG_KEY = "log.key"


def ensure_generated(keys: Path, *, organisation: str, clock: Clock = utc_now) -> None:
    """Make the local root, seal, time-stamping authority and log key, unless they exist.

    Two processes may call this at once, and either may be killed. So the set is made in another
    folder, declared complete by one rename, then moved in; the next call finishes the move.

    Args:
        keys: Folder of the keys; created when absent, readable by its owner only.
        organisation: Name written into the certificates.
        clock: Gives the moment at which the certificates begin to be valid.

    Raises:
        Corrupt: If part of an earlier set is missing: a new part would not match what was signed
            before.
        Refused: ``keys_missing``: the folder is read-only here and holds no whole set.
    """
    if (
        all((keys / name).exists() for name in FILES) and not (keys / ".ready").exists()
    ):  # this also works where the folder is shared and read-only
        return
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(keys, os.W_OK):
        raise keys_missing()
    with _alone(keys):
        ready = keys / ".ready"
        shutil.rmtree(keys / ".new", ignore_errors=True)
        present = [name for name in FILES if (keys / name).exists()]
        if not ready.exists():
            if len(present) == len(FILES):
                return
            if present:
                raise Corrupt(
                    "keys_incomplete",
                    "Le dossier des clés est incomplet : {missing} manque.",
                    action="Restaurez ce dossier depuis une sauvegarde. N’en créez pas un nouveau.",
                    missing=", ".join(name for name in FILES if name not in present),
                )
            _prepare(keys, _make(organisation, clock) | {_LOG_KEY: _private(ed25519.Ed25519PrivateKey.generate())})
        _move_in(keys)


def renew_generated(keys: Path, *, organisation: str, clock: Clock = utc_now) -> None:
    """Replace root, seal and time-stamping authority by new ones; the log's key stays.

    The former private keys are overwritten. A renewal that was cut is finished by the next call of
    ``ensure_generated``. Publish the former certificates before (``signing.trust``).

    Raises:
        Refused: ``keys_read_only``.
    """
    if not os.access(keys, os.W_OK):
        raise Refused(
            "keys_read_only",
            "Le dossier des clés ne peut pas être modifié depuis cette machine.",
            kept="Le cachet actuel reste en place.",
            action="Lancez la commande là où ce dossier est inscriptible.",
        )
    with _alone(keys):
        if not (keys / ".ready").exists():
            shutil.rmtree(keys / ".new", ignore_errors=True)
            _prepare(keys, _make(organisation, clock))
        _move_in(keys)


def renewal_is_due(keys: Path, at: datetime) -> bool:
    """Whether something in the set that was made here ends within a year."""
    certificates = (x509.load_pem_x509_certificate((keys / name).read_bytes()) for name in FILES if name[-3:] == "pem")
    return min(certificate.not_valid_after_utc for certificate in certificates) - at < AHEAD


def _prepare(keys: Path, files: dict[str, bytes]) -> None:
    """Write a set beside the keys and declare it complete by one rename."""
    (keys / ".new").mkdir(mode=0o700)
    for name, content in files.items():
        _write(keys / ".new" / name, content)
    _sync(keys / ".new")
    (keys / ".new").rename(keys / ".ready")
    _sync(keys)


def _move_in(keys: Path) -> None:
    for made in sorted((keys / ".ready").iterdir()):
        made.rename(keys / made.name)
    _sync(keys)
    (keys / ".ready").rmdir()


def has_keys(keys: Path) -> bool:
    """Whether the folder holds the log's key, or a set that is being moved in."""
    return (keys / "log.key").exists() or (keys / ".ready").exists()


def keys_missing() -> Refused:
    """Make the refusal to go on without the installation's keys.

    New keys would begin another journal.
    """
    return Refused(
        "keys_missing",
        "Les clés de cette installation ne sont pas dans le dossier des clés de cette machine.",
        kept="Rien n’a été fabriqué ni modifié.",
        action="Copiez-y le dossier « keys » d’origine, ou montez le volume qui le contient.",
    )


def _make(organisation: str, clock: Clock) -> dict[str, bytes]:
    begin = clock().replace(microsecond=0) - timedelta(hours=1)
    root_key, seal_key, tsa_key = (rsa.generate_private_key(65537, BITS) for _ in range(3))

    def certificate(
        common_name: str, key: rsa.RSAPrivateKey, years: int, *extensions: tuple[x509.ExtensionType, bool]
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(organisation, common_name))
            .issuer_name(_name(organisation, "Autorité locale — non probante"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + years * _YEAR)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    leaf = (x509.BasicConstraints(ca=False, path_length=None), True)
    return {
        "root.pem": certificate(
            "Autorité locale — non probante",
            root_key,
            30,
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(key_cert_sign=True, crl_sign=True), True),
        ),
        "seal.pem": certificate(
            "Cachet local — non probant",
            seal_key,
            10,
            leaf,
            (_usage(digital_signature=True, content_commitment=True), True),
        ),
        "seal.key": _private(seal_key),
        "tsa.pem": certificate(
            "Horodatage local — non probant",
            tsa_key,
            20,
            leaf,
            (_usage(digital_signature=True, content_commitment=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
        ),
        "tsa.key": _private(tsa_key),
        CRL: _empty_list(organisation, root_key, begin),
    }


def _empty_list(organisation: str, root_key: rsa.RSAPrivateKey, begin: datetime) -> bytes:
    """Make the root's only revocation list, good as long as the root itself."""
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(_name(organisation, "Autorité locale — non probante"))
        .last_update(begin)
        .next_update(begin + 30 * _YEAR)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
        .sign(root_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(**granted: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: granted.get(name, False) for name in every})


def _private(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@contextmanager
def _alone(keys: Path) -> Iterator[None]:
    with (keys / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
