"""Settings: environment ``CHARTRIER_*``, a TOML file, ``…_FILE`` for secrets. Built once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from archive.model.settings import ArchiveSettings, LocalStore, S3Store, StoreSettings
from ingestion.mail_settings import MailSettings, mail_settings
from signing.ground.errors import Refused
from signing.settings import GeneratedSeal, Pkcs12Seal, SealSettings, SigningSettings

PREFIX = "CHARTRIER_"

BROKERS = ("redis", "rediss", "valkey", "valkeys", "redis+socket", "valkey+socket", "amqp", "amqps")
"""Schemes of broker URLs that ``ingestion.queue.brokers`` accepts."""


class Names(BaseModel):
    """Flat names that administrators set; ``Settings`` is made from them.

    All are optional; without any, everything runs on one machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default=Path("~/.local/share/chartrier"), description="Dossier des données.")
    public_url: str = Field(default="", description="Adresse publique, écrite dans les récépissés.")
    host: str = Field(default="127.0.0.1", description="Adresse d’écoute.")
    port: int = Field(default=8400, ge=0, le=65535, description="Port d’écoute ; 0 : un port libre.")
    trusted_proxies: str = Field(
        default="",
        description="Adresses ou réseaux des mandataires dont on croit X-Forwarded-*, séparés par des virgules.",
    )
    security_contact: str = Field(
        default="", description="À qui signaler une faille : mailto:…, https://… ; vide : pas de security.txt."
    )
    security_expires: str = Field(
        default="", description="Jusqu’à quand cette adresse vaut, en UTC : AAAA-MM-JJ ou AAAA-MM-JJThh:mm:ssZ."
    )
    origin: str = Field(default="chartrier.local", description="Nom public du journal.")
    database_url: SecretStr = Field(
        default=SecretStr(""), description="URL SQLAlchemy ; vide : SQLite dans le dossier des données."
    )
    database_owner_url: SecretStr = Field(
        default=SecretStr(""),
        description="La même base, sous le rôle propriétaire des tables, pour les migrations ; vide : database_url.",
    )
    broker_url: SecretStr = Field(default=SecretStr(""), description="URL du courtier Celery ; vide : Valkey local.")
    broker_ca: str = Field(default="", description="Fichier PEM de l’autorité du courtier ; vide : celles du système.")
    s3_endpoint: str = Field(default="", description="URL d’un S3 avec verrouillage d’objets.")
    s3_bucket: str = Field(default="", description="Nom du seau.")
    s3_access_key: SecretStr = Field(default=SecretStr(""), description="Clé d’accès S3.")
    s3_secret_key: SecretStr = Field(default=SecretStr(""), description="Clé secrète S3.")
    s3_region: str = Field(default="us-east-1", description="Région S3.")
    s3_ca: str = Field(default="", description="Fichier PEM de l’autorité du S3 ; vide : celles du système.")
    copy_path: str = Field(
        default="", description="Dossier de la seconde copie, sur un autre disque ; vide : pas de copie, ou un S3."
    )
    copy_s3_endpoint: str = Field(default="", description="URL du S3 de la seconde copie ; vide : pas de copie.")
    copy_s3_bucket: str = Field(default="", description="Nom du seau de la seconde copie.")
    copy_s3_access_key: SecretStr = Field(default=SecretStr(""), description="Clé d’accès de la seconde copie.")
    copy_s3_secret_key: SecretStr = Field(default=SecretStr(""), description="Clé secrète de la seconde copie.")
    copy_s3_region: str = Field(default="us-east-1", description="Région S3 de la seconde copie.")
    copy_s3_ca: str = Field(default="", description="Fichier PEM de l’autorité de la seconde copie.")
    search_url: str = Field(default="", description="URL d’Elasticsearch ; vide : index local.")
    search_api_key: SecretStr = Field(default=SecretStr(""), description="Clé d’API d’Elasticsearch.")
    search_ca: str = Field(default="", description="Fichier PEM de l’autorité d’Elasticsearch.")
    search_prefix: str = Field(
        default="chartrier", pattern="^[a-z][a-z0-9-]{0,40}$", description="Début des noms d’index d’Elasticsearch."
    )
    tsa_urls: str = Field(default="", description="Autorités d’horodatage RFC 3161, séparées par des virgules.")
    seal_pkcs12: str = Field(default="", description="Fichier PKCS#12 du cachet.")
    seal_pkcs12_password: SecretStr = Field(default=SecretStr(""), description="Mot de passe du PKCS#12.")
    smtp_url: SecretStr = Field(
        default=SecretStr(""), description="Serveur de courriels ; vide : aucun, les textes sont à copier."
    )
    smtp_ca: str = Field(default="", description="Fichier PEM de l’autorité du serveur ; vide : celles du système.")
    mail_from: str = Field(default="", description="Expéditeur : Archives <archives@mairie.example>.")
    lock_horizon_days: int = Field(
        default=400, ge=0, le=36500, description="Horizon des verrous, en jours ; 0 : toute la durée."
    )
    backup_retention_days: int | None = Field(
        default=None,
        ge=0,
        le=36500,
        description="Durée de garde des sauvegardes, en jours, écrite dans les certificats d’élimination ; "
        "vide : les certificats disent qu’elle n’est pas connue.",
    )
    max_deposit_bytes: int = Field(default=2 * 1024**3, gt=0, description="Taille maximale d’un dépôt, en octets.")
    workers: int = Field(default=0, ge=0, le=256, description="Processus de traitement ; 0 : autant que de cœurs.")
    clamd_socket: str = Field(
        default="", description="Socket ou hôte:port de clamd ; vide : cherché aux endroits usuels."
    )
    verapdf: str = Field(default="", description="Commande veraPDF ; vide : cherchée dans le PATH.")
    ocr_engine: str = Field(default="tesserocr", pattern="^(tesserocr|pytesseract)$", description="Moteur de lecture.")


class IngestionSettings(BaseModel):
    """Settings of ingestion: broker, workers, limits, tools."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker_url: SecretStr | None
    """Broker URL; None: the Valkey that ``serve`` starts in ``home/run``."""
    broker_ca: Path | None
    """PEM of the authority of a ``rediss`` or ``amqps`` URL; None: the system's."""
    workers: int
    max_deposit_bytes: int
    clamd_socket: str
    verapdf: str
    ocr_engine: str


class SearchSettings(BaseModel):
    """Settings of search: where the index is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None
    """URL of Elasticsearch; None: tantivy in ``root``."""
    root: Path
    api_key: SecretStr | None
    """API key of Elasticsearch; None if it needs none."""
    ca: Path | None
    """PEM of the authority of an ``https`` URL; None: the system's."""
    prefix: str
    """Beginning of the names of our indexes, so that several installations can share a cluster."""


class SecurityContact(BaseModel):
    """Contact for security faults, and the day until which it is valid (RFC 9116)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact: str
    expires: datetime


class ApiSettings(BaseModel):
    """Settings of the API: where it listens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int
    public_url: str
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose ``X-Forwarded-For`` and ``-Proto`` are believed.

    If empty, nobody's are.
    """
    security: SecurityContact | None = None
    """Without it, ``/.well-known/security.txt`` is not served."""


class Settings(BaseModel):
    """Settings, complete and frozen: a half-configured store can't exist."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path
    signing: SigningSettings
    archive: ArchiveSettings
    search: SearchSettings
    ingestion: IngestionSettings
    api: ApiSettings
    mail: MailSettings | None = None
    """None: no mail is sent, texts are shown to be copied."""


def load_settings(environment: Mapping[str, str] | None = None, config: Path | None = None) -> Settings:
    """Build the settings from the file and the environment, which overrides the file.

    Args:
        environment: Defaults to the process's own.
        config: A TOML file with the flat names of ``Names``; defaults to ``CHARTRIER_CONFIG``.

    Raises:
        Refused: ``bad_settings``, with every fault named: an unknown name with our prefix, a
            missing companion, a bad value.
    """
    environment = os.environ if environment is None else environment
    given = {key: value for key, value in environment.items() if key.startswith(PREFIX)}
    config_path = config or (Path(given.pop("CHARTRIER_CONFIG")) if given.get("CHARTRIER_CONFIG") else None)
    given.pop("CHARTRIER_CONFIG", None)
    values: dict[str, Any] = {}
    if config_path is not None:
        try:
            values = tomllib.loads(config_path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise _refused([f"{config_path}: {error}"]) from error
    for key, value in given.items():
        name = key.removeprefix(PREFIX).lower()
        if name.endswith("_file") and name.removesuffix("_file") in Names.model_fields:
            try:
                values[name.removesuffix("_file")] = Path(value).read_text(encoding="utf-8").rstrip("\n")
            except OSError as error:
                raise _refused([f"{key}: {error}"]) from error
        else:
            values[name] = value
    try:
        names = Names.model_validate(values)
    except ValidationError as error:
        raise _refused(
            [
                f"{PREFIX}{'.'.join(str(p) for p in e['loc']).upper()}: "
                + ("ce réglage n’existe pas" if e["type"] == "extra_forbidden" else e["msg"])
                for e in error.errors()
            ]
        ) from error
    return _compose(names)


def _compose(names: Names) -> Settings:
    home = names.home.expanduser().absolute()
    return Settings(
        home=home,
        signing=SigningSettings(
            keys=home / "keys",
            trust=home / "trust",
            seal=_seal(names),
            tsa_urls=tuple(url.strip() for url in names.tsa_urls.split(",") if url.strip()),
        ),
        archive=ArchiveSettings(
            database_url=_database_url(names, home),
            database_owner_url=names.database_owner_url
            if names.database_owner_url.get_secret_value()
            else _database_url(names, home),
            store=_store(names, home),
            copy_store=_copy_store(names, home),
            lock_horizon_days=names.lock_horizon_days,
            backup_retention_days=names.backup_retention_days,
            origin=names.origin,
        ),
        search=SearchSettings(
            url=names.search_url or None,
            root=home / "index",
            api_key=names.search_api_key if names.search_api_key.get_secret_value() else None,
            ca=Path(names.search_ca) if names.search_ca else None,
            prefix=names.search_prefix,
        ),
        ingestion=IngestionSettings(
            broker_url=_broker_url(names),
            broker_ca=Path(names.broker_ca) if names.broker_ca else None,
            workers=names.workers or max(1, len(os.sched_getaffinity(0))),
            max_deposit_bytes=names.max_deposit_bytes,
            clamd_socket=names.clamd_socket,
            verapdf=names.verapdf,
            ocr_engine=names.ocr_engine,
        ),
        api=ApiSettings(
            host=names.host,
            port=names.port,
            public_url=names.public_url.rstrip("/"),
            trusted_proxies=_proxies(names.trusted_proxies),
            security=_security(names),
        ),
        mail=_mail(names),
    )


def _mail(names: Names) -> MailSettings | None:
    try:
        return mail_settings(names.smtp_url.get_secret_value(), names.smtp_ca, names.mail_from)
    except ValueError as error:
        raise _refused([f"{PREFIX}{error}"]) from None  # the cause would show the password


def _proxies(written: str) -> tuple[str, ...]:
    """Read the addresses and networks of trusted proxies.

    A trusted proxy may claim any client address, so a network that holds everybody is refused.
    """
    faults, found = [], []
    for one in (part.strip() for part in written.split(",")):
        if not one:
            continue
        try:
            network = ip_network(one)
        except ValueError as error:
            faults.append(f"{PREFIX}TRUSTED_PROXIES: {error}")
            continue
        if network.prefixlen == 0:
            faults.append(f"{PREFIX}TRUSTED_PROXIES: {one} would let anybody choose his own address")
        found.append(one)
    if faults:
        raise _refused(faults)
    return tuple(found)


def _security(names: Names) -> SecurityContact | None:
    """Read contact and date, both or neither: RFC 9116, 2.5.5 demands the date."""
    contact, until = names.security_contact, names.security_expires
    if not contact and not until:
        return None
    faults = []
    if not re.fullmatch(r"(mailto:|https://|tel:)[!-~]+", contact):
        faults.append(f"{PREFIX}SECURITY_CONTACT: mailto:…, https://… or tel:…, one address in printable ASCII")
    try:
        expires = datetime.fromisoformat(until)
    except ValueError:
        faults.append(f"{PREFIX}SECURITY_EXPIRES: a day or a moment, 2027-06-30 or 2027-06-30T00:00:00Z")
    if faults:
        raise _refused(faults)
    expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return SecurityContact(contact=contact, expires=expires.astimezone(UTC))


def _seal(names: Names) -> SealSettings:
    if not names.seal_pkcs12:
        return GeneratedSeal()
    return Pkcs12Seal(path=Path(names.seal_pkcs12), password=names.seal_pkcs12_password)


def _database_url(names: Names, home: Path) -> SecretStr:
    if names.database_url.get_secret_value():
        return names.database_url
    return SecretStr(f"sqlite:///{home / 'chartrier.db'}")


def _broker_url(names: Names) -> SecretStr | None:
    """Read the broker's URL; None when the broker is ours.

    It holds a password, so no message repeats it.
    """
    url = names.broker_url.get_secret_value()
    if not url:
        return None
    if url.partition("://")[0] not in BROKERS:
        raise _refused([f"{PREFIX}BROKER_URL: {', '.join(f'{scheme}://' for scheme in BROKERS)}"])
    return names.broker_url


def _store(names: Names, home: Path) -> StoreSettings:
    return _s3(names, "s3") or LocalStore(root=home / "store")


def _copy_store(names: Names, home: Path) -> StoreSettings | None:
    bucket = _s3(names, "copy_s3")
    if not names.copy_path:
        return bucket
    if bucket is not None:
        raise _refused([f"{PREFIX}COPY_PATH: {PREFIX}COPY_S3_* name another second copy"])
    root = Path(names.copy_path).expanduser().absolute()
    first = home / "store"
    if root == first or first in root.parents or root in first.parents:
        raise _refused([f"{PREFIX}COPY_PATH: inside the first store, or around it"])
    return LocalStore(root=root)


def _s3(names: Names, group: str) -> S3Store | None:
    """Read the store that a group of names describes; None when the group is not set."""
    parts = {
        "endpoint": getattr(names, f"{group}_endpoint"),
        "bucket": getattr(names, f"{group}_bucket"),
        "access_key": getattr(names, f"{group}_access_key").get_secret_value(),
        "secret_key": getattr(names, f"{group}_secret_key").get_secret_value(),
    }
    if not any(parts.values()):
        return None
    prefix = f"{PREFIX}{group.upper()}"
    missing = [
        f"{prefix}_{name.upper()}: missing, the other {prefix}_* need it" for name, value in parts.items() if not value
    ]
    if missing:
        raise _refused(missing)
    ca = getattr(names, f"{group}_ca")
    return S3Store(**parts, region=getattr(names, f"{group}_region"), ca=Path(ca) if ca else None)


def _refused(faults: list[str]) -> Refused:
    return Refused(
        "bad_settings",
        "Réglages refusés : {faults}",
        action="Corrigez ces réglages puis relancez la commande.",
        faults=" ; ".join(faults),
    )


def child_environment(config: Path | None = None) -> dict[str, str]:
    """Return the environment of a child process: this one's, with the settings file if named."""
    named = {"CHARTRIER_CONFIG": str(config.absolute())} if config is not None else {}
    # many threads, few at work at once: one heap for each would only keep memory
    return {"MALLOC_ARENA_MAX": "2"} | dict(os.environ) | named
