"""Who calls: keys of other applications, sessions of people, one-time login links. Only digests are kept."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.requests import Request

from api.access.tables import ApiKeyRow, LoginLinkRow, SessionRow, UserRow
from archive.database.tables import TenantRow
from archive.database.tenancy import EVERYTHING, acting_for, found_to_be
from archive.model.identifiers import new_id
from signing.ground.errors import Refused

SCOPES = (
    "deposit:write",
    "record:read",
    "record:describe",
    "retention:write",
    "hold:write",
    "disposal:write",
    "disposal:visa",
    "journal:read",
    "admin",
)
ROLES: dict[str, frozenset[str]] = {
    "clerk": frozenset({"deposit:write", "record:read"}),
    "reader": frozenset({"record:read"}),
    "archivist": frozenset(SCOPES) - {"disposal:visa", "admin"},
    "controller": frozenset({"record:read", "disposal:visa", "journal:read"}),
    "tenant_admin": frozenset(
        {"deposit:write", "record:read", "record:describe", "hold:write", "journal:read", "admin"}
    ),
    "platform_admin": frozenset(
        {"deposit:write", "record:read", "record:describe", "hold:write", "journal:read", "admin"}
    ),
}
"""What each role of people may do. Nobody who drafts a disposal gives its visa."""

COOKIE = "chartrier"
SECURE_COOKIE = "__Host-chartrier"
SESSION_IDLE = timedelta(hours=2)
SESSION_LONGEST = timedelta(hours=12)
LINK_LIFE = timedelta(minutes=30)
KEY_LIFE = timedelta(days=365)
_SEEN_EVERY = timedelta(minutes=1)
_KEY_SEEN_EVERY = timedelta(minutes=10)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and what they may do.

    Attributes:
        kind: ``user`` or ``key``.
        role: Role of a person; None for a key.
        csrf: Token that each form of this session must carry; None for a key.
    """

    kind: str
    id: str
    name: str
    tenant: str
    scopes: frozenset[str]
    role: str | None = None
    service: str | None = None
    csrf: str | None = None

    @property
    def agent(self) -> str:
        """As rows and pseudonyms name it."""
        return f"{self.kind}:{self.id}"

    def may(self, scope: str) -> bool:
        """Whether the caller holds a scope."""
        return scope in self.scopes


# --- keys of applications -------------------------------------------------------------------------


def new_key() -> str:
    """A new key: ``chr_``, 190 random bits, and a checksum by which scanners and we know a mistyped one."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return f"chr_{body}{_checksum(body)}"


def is_key(text: str) -> bool:
    """Whether the text has the form and checksum of a key."""
    body = text.removeprefix("chr_")
    return (
        text.startswith("chr_")
        and len(body) == _RANDOM_LENGTH + _CHECKSUM_LENGTH
        and all(sign in _ALPHABET for sign in body)
        and body[_RANDOM_LENGTH:] == _checksum(body[:_RANDOM_LENGTH])
    )


def _checksum(body: str) -> str:
    number = zlib.crc32(b"chr_" + body.encode())
    signs = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        signs = _ALPHABET[rest] + signs
    return signs


def create_key(
    session: Session,
    *,
    tenant: str,
    scopes: Sequence[str],
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKeyRow, str]:
    """Make a key for an application of a tenant; the text is shown once and never kept.

    Raises:
        Refused: ``scope_unknown``, ``tenant_not_found``.
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise Refused(
            "scope_unknown",
            "Droit inconnu : {unknown}.",
            action="Choisissez parmi : {known}.",
            pointer="/scopes",
            unknown=", ".join(unknown) or "(aucun)",
            known=", ".join(SCOPES),
        )
    require_tenant(session, tenant)
    plain = new_key()
    row = ApiKeyRow(
        id=new_id(),
        tenant_id=tenant,
        name=name,
        prefix=plain[:12],
        key_sha256=_digest(plain),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=expires_at or now + KEY_LIFE,
        revoked_at=None,
        last_used_at=None,
    )
    session.add(row)
    session.flush()
    return row, plain


def require_tenant(session: Session, tenant: str) -> TenantRow:
    """The tenant, or a refusal in words.

    Raises:
        Refused: ``tenant_not_found``.
    """
    row = session.get(TenantRow, tenant)
    if row is None:
        raise Refused(
            "tenant_not_found",
            "La collectivité « {tenant} » n’existe pas.",
            action="Créez-la avec « chartrier tenant create ».",
            pointer="/tenant",
            tenant=tenant,
        )
    return row


def key_caller(session: Session, plain: str, now: datetime) -> tuple[Caller, bool] | None:
    """The application behind a key, and whether its use should be noted; None if it opens nothing."""
    if not is_key(plain):
        return None
    row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.key_sha256 == _digest(plain)))
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    caller = Caller("key", row.id, row.name, row.tenant_id, frozenset(row.scopes))
    stale = row.last_used_at is None or now - row.last_used_at > _KEY_SEEN_EVERY
    return caller, stale


def note_key_use(session: Session, key_id: str, now: datetime) -> None:
    """Remember when a key was last used (to the nearest ten minutes)."""
    session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=now))


# --- people ---------------------------------------------------------------------------------------


def create_user(
    session: Session, *, tenant: str, name: str, role: str, now: datetime, service: str | None = None
) -> UserRow:
    """Make a person who may log in to a tenant.

    Raises:
        Refused: ``role_unknown``, ``tenant_not_found``.
    """
    if role not in ROLES:
        raise Refused(
            "role_unknown",
            "Rôle inconnu : {role}.",
            action="Choisissez parmi : {known}.",
            pointer="/role",
            role=role,
            known=", ".join(ROLES),
        )
    require_tenant(session, tenant)
    row = UserRow(
        id=new_id(), tenant_id=tenant, name=name, role=role, service=service, created_at=now, disabled_at=None
    )
    session.add(row)
    session.flush()
    return row


def login_link(session: Session, user: UserRow, now: datetime, life: timedelta = LINK_LIFE) -> str:
    """Make a one-time login link; returns the token that stands in its address (``/connexion/<token>``)."""
    token = secrets.token_urlsafe(32)
    session.add(LoginLinkRow(token_sha256=_digest(token), user_id=user.id, expires_at=now + life, used_at=None))
    session.flush()
    return token


@dataclass(frozen=True)
class Opened:
    """A session just opened.

    Attributes:
        token: For the cookie, and nowhere else.
    """

    token: str
    caller: Caller


def link_is_good(session: Session, token: str, now: datetime) -> bool:
    """Whether a link would still open a session; changes nothing: a mail program's preview costs nothing."""
    row = session.get(LoginLinkRow, _digest(token))
    return row is not None and row.used_at is None and row.expires_at > now


def use_login_link(session: Session, token: str, now: datetime) -> Opened:
    """Open a session with a link, once.

    Raises:
        Refused: ``login_link_spent``.
    """
    spent = Refused(
        "login_link_spent",
        "Ce lien de connexion a déjà servi ou a expiré.",
        action="Demandez un nouveau lien à votre administrateur.",
    )
    claimed = session.execute(
        update(LoginLinkRow)
        .where(
            LoginLinkRow.token_sha256 == _digest(token),
            LoginLinkRow.used_at.is_(None),
            LoginLinkRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(LoginLinkRow.user_id)
    ).scalar_one_or_none()
    if claimed is None:
        raise spent
    user = session.get(UserRow, claimed)
    if user is None or user.disabled_at is not None:
        raise spent
    return open_session(session, user, now)


def open_session(session: Session, user: UserRow, now: datetime) -> Opened:
    """A new session for a person."""
    cookie = secrets.token_urlsafe(32)
    row = SessionRow(
        token_sha256=_digest(cookie),
        user_id=user.id,
        csrf=secrets.token_urlsafe(24),
        created_at=now,
        seen_at=now,
        expires_at=now + SESSION_LONGEST,
    )
    session.add(row)
    session.flush()
    return Opened(cookie, _person(user, row))


def close_session(session: Session, token: str) -> None:
    """Log out: the session is gone from the server, not only from the browser."""
    row = session.get(SessionRow, _digest(token))
    if row is not None:
        session.delete(row)


def session_caller(session: Session, token: str, now: datetime) -> tuple[Caller, bool] | None:
    """The person behind a session cookie, and whether the visit should be noted; None if it opens nothing."""
    row = session.get(SessionRow, _digest(token))
    if row is None or row.expires_at <= now or now - row.seen_at > SESSION_IDLE:
        return None
    user = session.get(UserRow, row.user_id)
    if user is None or user.disabled_at is not None:
        return None
    return _person(user, row), now - row.seen_at > _SEEN_EVERY


def note_visit(session: Session, token: str, now: datetime) -> None:
    """Keep a session alive."""
    session.execute(update(SessionRow).where(SessionRow.token_sha256 == _digest(token)).values(seen_at=now))


def _person(user: UserRow, row: SessionRow) -> Caller:
    scopes = ROLES.get(user.role, frozenset())
    return Caller("user", user.id, user.name, user.tenant_id, scopes, user.role, user.service, row.csrf)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


# --- requests -------------------------------------------------------------------------------------


def session_token(request: Request) -> str | None:
    """The session cookie of a request, if it brings one."""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)


def current_caller(request: Request) -> Caller | None:
    """Who makes the request: by bearer key if it brings one, else by session. Looked up once a request.

    Raises:
        Refused: ``not_authenticated`` for a key that opens nothing (a bad key is never silently a stranger).
    """
    if not hasattr(request.state, "caller"):
        with acting_for(EVERYTHING):  # whose the key or the session is can't be known before
            request.state.caller = _look_up(request)
        if request.state.caller is not None:
            found_to_be(request.state.caller.tenant)
    caller: Caller | None = request.state.caller
    return caller


def current_person(request: Request) -> Caller | None:
    """The person logged in on this request, if any; a key is not a person."""
    caller = current_caller(request)
    return caller if caller is not None and caller.kind == "user" else None


def _look_up(request: Request) -> Caller | None:
    system = request.app.state.system
    now = system.clock()
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, plain = authorization.partition(" ")
        with system.database.read() as session:
            found = key_caller(session, plain.strip(), now) if scheme.lower() == "bearer" else None
        if found is None:
            raise not_authenticated()
        if found[1]:
            with system.database.write() as session:
                note_key_use(session, found[0].id, now)
        return found[0]
    token = session_token(request)
    if token is None:
        return None
    with system.database.read() as session:
        found = session_caller(session, token, now)
    if found is None:
        return None
    if found[1]:
        with system.database.write() as session:
            note_visit(session, token, now)
    return found[0]


def not_authenticated() -> Refused:
    """The refusal of a caller whom we don't know (401)."""
    return Refused(
        "not_authenticated",
        "Cette demande ne dit pas qui la fait, ou la clé n’est pas valable.",
        action="Envoyez « Authorization: Bearer chr_… » avec une clé valable, ou connectez-vous.",
    )


def same_origin(request: Request) -> bool:
    """Whether the browser says that the request was made by a page of ours.

    A browser that sends neither header is treated as a stranger: all since 2020 send ``Origin`` on POST.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")


def require_same_origin(request: Request) -> None:
    """Refuse what another site's page makes a browser send.

    Raises:
        Refused: ``cross_site``.
    """
    if not same_origin(request):
        raise Refused(
            "cross_site",
            "Cette demande ne vient pas d’une page de ce service.",
            action="Rechargez la page puis recommencez.",
        )


def require_csrf(request: Request, token: str | None = None) -> None:
    """Refuse a change by a session without the proof that one of our pages asked for it.

    Args:
        request: Its ``X-CSRF-Token`` header counts when no token is given.
        token: The form's ``csrf`` field.

    Raises:
        Refused: ``cross_site``, ``csrf_refused``.
    """
    require_same_origin(request)
    person = current_person(request)
    given = token or request.headers.get("x-csrf-token") or ""
    if person is None or person.csrf is None or not secrets.compare_digest(given.encode(), person.csrf.encode()):
        raise Refused(
            "csrf_refused",
            "La page a expiré avant l’envoi : rien n’a été modifié.",
            action="Rechargez la page puis recommencez.",
        )
