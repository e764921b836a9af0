"""A session opens as much as its person may do now: not what they could when they logged in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request

from api.access.callers import ROLES, SCOPES
from api.access.csrf import same_origin
from api.access.keys import KEY_LIFE, create_key, is_key, key_caller, new_key
from api.access.people import create_user
from api.access.permissions import AnyCaller, Needs, PageNeeds
from api.access.sessions import (
    COOKIE,
    LINK_LIFE,
    SECURE_COOKIE,
    SESSION_IDLE,
    SESSION_LONGEST,
    Opened,
    close_session,
    link_is_good,
    login_link,
    note_visit,
    session_caller,
    use_login_link,
)
from api.access.tables import ApiKeyRow, SessionRow, UserRow
from archive.database.tenancy import NOTHING, visible
from ingestion.assembly import System
from signing.ground.errors import Refused

Person = Callable[[str, str], tuple[UserRow, str]]
SECOND = timedelta(seconds=1)
BASE = "http://127.0.0.1"


@pytest.fixture
def logged_in(bare_system: System, person: Person) -> Callable[..., tuple[UserRow, Opened]]:
    """Log somebody in: ``row, opened = logged_in("a", "clerk")``."""

    def make(tenant: str = "a", role: str = "clerk") -> tuple[UserRow, Opened]:
        row, token = person(tenant, role)
        with bare_system.database.write() as session:
            return row, use_login_link(session, token, bare_system.clock())

    return make


def change(system: System, user: UserRow, **values: Any) -> None:
    with system.database.write() as session:
        row = session.get_one(UserRow, user.id)
        for name, value in values.items():
            setattr(row, name, value)


def who(system: System, opened: Opened, after: timedelta = timedelta()) -> Any:
    with system.database.read() as session:
        return session_caller(session, opened.token, system.clock() + after)


# --- who is disabled ------------------------------------------------------------------------------


def test_a_disabled_person_s_session_opens_nothing_more(bare_system: System, logged_in: Any) -> None:
    user, opened = logged_in()
    assert who(bare_system, opened)[0].id == user.id
    change(bare_system, user, disabled_at=bare_system.clock())
    assert who(bare_system, opened) is None
    change(bare_system, user, disabled_at=None)
    assert who(bare_system, opened) is not None


def test_a_disabled_person_is_a_stranger_at_once(client: TestClient, bare_system: System, logged_in: Any) -> None:
    user, opened = logged_in()
    client.cookies.set(COOKIE, opened.token)
    assert client.get("/api/v1/me").json()["tenant"] == "a"
    assert client.get("/depots", follow_redirects=False).status_code == 200
    change(bare_system, user, disabled_at=bare_system.clock())
    assert client.get("/api/v1/me").status_code == 401
    assert client.get("/depots", follow_redirects=False).status_code == 303


def test_a_disabled_person_s_link_opens_no_session(bare_system: System, person: Person) -> None:
    user, token = person("a", "clerk")
    change(bare_system, user, disabled_at=bare_system.clock())
    with (
        pytest.raises(Refused, check=lambda error: error.code == "login_link_spent"),
        bare_system.database.write() as session,
    ):
        use_login_link(session, token, bare_system.clock())
    with bare_system.database.read() as session:
        assert session.query(SessionRow).count() == 0


def test_a_role_that_was_taken_away_is_gone_from_the_session(bare_system: System, logged_in: Any) -> None:
    user, opened = logged_in(role="archivist")
    assert who(bare_system, opened)[0].may("hold:write")
    change(bare_system, user, role="reader")
    assert who(bare_system, opened)[0].scopes == {"record:read"}
    change(bare_system, user, role="of another version")
    assert who(bare_system, opened)[0].scopes == frozenset()


# --- how long -------------------------------------------------------------------------------------


def test_a_session_ends_after_its_longest_time_however_busy(bare_system: System, logged_in: Any) -> None:
    _, opened = logged_in()
    with bare_system.database.read() as session:
        begun = session.query(SessionRow).one().created_at
    last = begun + SESSION_LONGEST
    with bare_system.database.write() as session:
        note_visit(session, opened.token, last - SECOND)
    with bare_system.database.read() as session:
        assert session_caller(session, opened.token, last - SECOND)
        assert session_caller(session, opened.token, last) is None


def test_a_session_is_idle_for_its_time_and_no_longer(bare_system: System, logged_in: Any) -> None:
    _, opened = logged_in()
    with bare_system.database.read() as session:
        seen = session.query(SessionRow).one().seen_at
        assert session_caller(session, opened.token, seen + SESSION_IDLE)
        assert session_caller(session, opened.token, seen + SESSION_IDLE + SECOND) is None


def test_a_visit_is_noted_once_a_minute(bare_system: System, logged_in: Any) -> None:
    _, opened = logged_in()
    assert who(bare_system, opened)[1] is False
    assert who(bare_system, opened, timedelta(seconds=90))[1] is True


def test_logging_out_ends_one_s_own_session_alone(bare_system: System, logged_in: Any) -> None:
    _, one = logged_in()
    _, other = logged_in()
    with bare_system.database.write() as session:
        close_session(session, one.token)
        close_session(session, "never was")
    assert who(bare_system, one) is None
    assert who(bare_system, other) is not None


def test_a_link_is_good_until_its_last_moment(bare_system: System) -> None:
    now = bare_system.clock()
    with bare_system.database.write() as session:
        user = create_user(session, tenant="a", name="Essai", role="clerk", now=now)
        token = login_link(session, user, now)
        assert link_is_good(session, token, now + LINK_LIFE - SECOND)
        assert not link_is_good(session, token, now + LINK_LIFE)
        assert not link_is_good(session, "never was", now)
        with pytest.raises(Refused):
            use_login_link(session, token, now + LINK_LIFE)
        opened = use_login_link(session, token, now + LINK_LIFE - SECOND)
        assert not link_is_good(session, token, now)
    assert opened.caller.id == user.id


def test_a_key_ends_after_a_year_unless_said_otherwise(bare_system: System) -> None:
    now = bare_system.clock()
    with bare_system.database.write() as session:
        row, plain = create_key(session, tenant="a", scopes=["record:read", "record:read"], name="x", now=now)
        assert (row.expires_at, row.scopes, row.prefix) == (now + KEY_LIFE, ["record:read"], plain[:12])
        assert key_caller(session, plain, now + KEY_LIFE - SECOND)
        assert key_caller(session, plain, now + KEY_LIFE) is None


def test_the_use_of_a_key_is_noted_every_ten_minutes(bare_system: System, client: TestClient, key_of: Any) -> None:
    key = key_of("a", "record:read")

    def noted_again(after: timedelta) -> bool:
        with bare_system.database.read() as session:
            row = session.query(ApiKeyRow).one()
            found = key_caller(session, key, (row.last_used_at or row.created_at) + after)
        assert found is not None
        return found[1]

    assert noted_again(timedelta()), "never used"
    client.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert not noted_again(timedelta(minutes=10))
    assert noted_again(timedelta(minutes=10, seconds=1))


# --- who may --------------------------------------------------------------------------------------


def test_nobody_who_drafts_a_disposal_gives_its_visa() -> None:
    for role, scopes in ROLES.items():
        assert not {"disposal:write", "disposal:visa"} <= scopes, role
        assert scopes <= set(SCOPES), role


@pytest.fixture
def gates(bare_app: FastAPI) -> FastAPI:
    """A page and two answers, each behind a permission."""
    router = APIRouter()

    @router.get("/page", dependencies=[Depends(PageNeeds("hold:write"))])
    def page() -> None: ...

    @router.get("/any-page", dependencies=[Depends(PageNeeds())])
    def any_page() -> None: ...

    @router.get("/api/v1/any", dependencies=[Depends(AnyCaller())])
    def any_caller() -> None: ...

    @router.get("/api/v1/holds-only", dependencies=[Depends(Needs("hold:write"))])
    def read() -> None: ...

    @router.post("/api/v1/holds-only", dependencies=[Depends(Needs("hold:write"))])
    def write() -> None: ...

    bare_app.include_router(router)
    return bare_app


def statuses(app: FastAPI, *, cookie: str | None = None, key: str | None = None) -> dict[str, int]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    cookies = {COOKIE: cookie} if cookie else {}
    paths = ("/page", "/any-page", "/api/v1/any", "/api/v1/holds-only")
    with TestClient(app, base_url=BASE, cookies=cookies, follow_redirects=False) as client:
        return {path: client.get(path, headers=headers).status_code for path in paths}


def test_a_page_opens_for_a_person_who_holds_its_scope(gates: FastAPI, logged_in: Any, key_of: Any) -> None:
    clerk, archivist = logged_in()[1].token, logged_in(role="archivist")[1].token
    every = ("/page", "/any-page", "/api/v1/any", "/api/v1/holds-only")
    assert statuses(gates, cookie=archivist) == dict.fromkeys(every, 200)
    assert statuses(gates, cookie=clerk) == dict(zip(every, (403, 200, 200, 403), strict=True))
    assert statuses(gates, key=key_of("a", "hold:write")) == dict(zip(every, (303, 303, 200, 200), strict=True))
    assert statuses(gates) == dict(zip(every, (303, 303, 401, 401), strict=True))


def test_a_key_needs_no_word_of_a_page_and_a_person_does(gates: FastAPI, logged_in: Any, key_of: Any) -> None:
    opened = logged_in(role="archivist")[1]
    with TestClient(gates, base_url=BASE) as client:
        bearer = {"Authorization": f"Bearer {key_of('a', 'hold:write')}"}
        assert client.post("/api/v1/holds-only", headers=bearer).status_code == 200
        client.cookies.set(COOKIE, opened.token)
        assert client.post("/api/v1/holds-only").status_code == 403
        ours = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": str(opened.caller.csrf)}
        assert client.post("/api/v1/holds-only", headers=ours).status_code == 200


def test_the_word_of_another_session_is_no_word(gates: FastAPI, logged_in: Any) -> None:
    mine, other = logged_in(role="archivist")[1], logged_in(role="archivist")[1]
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": str(other.caller.csrf)}
    with TestClient(gates, base_url=BASE, cookies={COOKIE: mine.token}) as client:
        answer = client.post("/api/v1/holds-only", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused")


@pytest.mark.parametrize("permission", [Needs, PageNeeds])
def test_a_permission_names_a_scope_that_there_is(permission: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="hold:wriet"):
        permission("hold:wriet")


def test_a_bad_key_is_never_silently_the_person_of_the_cookie(client: TestClient, logged_in: Any) -> None:
    client.cookies.set(COOKIE, logged_in()[1].token)
    assert client.get("/api/v1/me").status_code == 200
    for header in ("Bearer " + new_key(), "Basic Zm9vOmJhcg==", "Bearer"):
        assert client.get("/api/v1/me", headers={"Authorization": header}).status_code == 401


def test_the_cookie_that_only_https_sets_counts_first(client: TestClient, logged_in: Any) -> None:
    client.cookies.set(COOKIE, logged_in("b")[1].token)
    client.cookies.set(SECURE_COOKIE, logged_in("a")[1].token)
    assert client.get("/api/v1/me").json()["tenant"] == "a"


def test_a_request_is_confined_to_its_caller_s_tenant(bare_app: FastAPI, key_of: Any, logged_in: Any) -> None:
    """What PostgreSQL is told of a request: the tenant of its key or person, from the moment it is
    known.
    """
    router, seen = APIRouter(), []

    @router.get("/api/v1/seen", dependencies=[Depends(AnyCaller())])
    def look() -> None:
        seen.append(visible(NOTHING))

    bare_app.include_router(router)
    with TestClient(bare_app, base_url=BASE) as client:
        client.get("/api/v1/seen", headers={"Authorization": f"Bearer {key_of('b', 'record:read')}"})
        client.cookies.set(COOKIE, logged_in("a")[1].token)
        client.get("/api/v1/seen")
    assert seen == ["b", "a"]


# --- where a request comes from -------------------------------------------------------------------


def request(**headers: str) -> Request:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": given})


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, False),
        ({"host": "chartrier.test"}, False),
        ({"origin": "https://chartrier.test", "host": "chartrier.test"}, True),
        ({"origin": "https://chartrier.test:8443", "host": "chartrier.test"}, False),
        ({"origin": "https://elsewhere.test", "host": "chartrier.test"}, False),
        ({"origin": "null", "host": "chartrier.test"}, False),
        ({"sec_fetch_site": "same-origin", "origin": "https://elsewhere.test", "host": "chartrier.test"}, True),
        ({"sec_fetch_site": "same-site", "origin": "https://chartrier.test", "host": "chartrier.test"}, False),
        ({"sec_fetch_site": "none", "origin": "https://chartrier.test", "host": "chartrier.test"}, False),
    ],
    ids=str,
)
def test_the_browser_says_which_site_asks(headers: dict[str, str], ours: bool) -> None:
    assert same_origin(request(**headers)) is ours


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_has_one_form() -> None:
    """The checksum is part of what other programs scan for: it never changes."""
    assert is_key("chr_" + "0" * 32 + "2E8IqU")
    assert is_key("chr_" + "Chartrier" * 3 + "Zz09a" + "2ljK90")
    key = new_key()
    assert len(key) == 42
    assert key.isascii()
    for wrong in (key[4:], key[:-1], key + "0", f"chr_{key[5:]}", key.lower() + "_", "", "chr_"):
        assert not is_key(wrong)
    assert new_key() != key
