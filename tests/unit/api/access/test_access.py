"""Who gets in, and with what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from api.access.keys import create_key, is_key, new_key
from api.access.permissions import Needs, check_permissions
from api.access.sessions import COOKIE, SESSION_IDLE, link_is_good, session_caller, use_login_link
from api.access.tables import ApiKeyRow
from signing.ground.errors import Refused


def test_a_mistyped_key_is_known_by_its_checksum():
    key = new_key()
    assert is_key(key)
    assert not is_key(key[:-1] + ("0" if key[-1] != "0" else "1"))
    assert not is_key(key.replace("chr_", "chx_"))
    assert not is_key("chr_" + "é" * 38)


def test_a_key_opens_its_tenant_and_is_kept_only_as_a_digest(client, key_of, bare_system):
    key = key_of("a", "record:read")
    answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert answer.json()["tenant"] == "a"
    assert answer.json()["scopes"] == ["record:read"]
    with bare_system.database.read() as session:
        row = session.query(ApiKeyRow).one()
        assert key not in str(vars(row))
        assert row.last_used_at is not None


@pytest.mark.parametrize(
    "header",
    [None, "Bearer chr_nothing", "Basic Zm9vOmJhcg==", "Bearer " + new_key()],
    ids=["none", "malformed", "basic", "well-formed but unknown"],
)
def test_without_a_good_key_401(client, header):
    answer = client.get("/api/v1/me", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "not_authenticated"


def test_revoked_and_expired_keys_open_nothing(client, bare_system):
    now = bare_system.clock()
    with bare_system.database.write() as session:
        revoked, first = create_key(session, tenant="a", scopes=["admin"], name="x", now=now)
        revoked.revoked_at = now
        _, second = create_key(session, tenant="a", scopes=["admin"], name="y", now=now, expires_at=now)
    for key in (first, second):
        assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_a_key_needs_known_scopes_and_a_tenant(bare_system):
    now = bare_system.clock()
    with bare_system.database.write() as session:
        for tenant, scopes, code in (
            ("a", ["root"], "scope_unknown"),
            ("a", [], "scope_unknown"),
            ("c", ["admin"], "tenant_not_found"),
        ):
            with pytest.raises(Refused) as caught:
                create_key(session, tenant=tenant, scopes=scopes, name="x", now=now)
            assert caught.value.code == code


def test_a_login_link_works_once(bare_system, person):
    _, token = person("a", "clerk")
    now = bare_system.clock()
    with bare_system.database.read() as session:
        assert link_is_good(session, token, now)
        assert link_is_good(session, token, now)  # looking spends nothing
    with bare_system.database.write() as session:
        opened = use_login_link(session, token, now)
        assert opened.caller.scopes == {"deposit:write", "record:read"}
    with bare_system.database.write() as session, pytest.raises(Refused) as caught:
        use_login_link(session, token, now)
    assert caught.value.code == "login_link_spent"


def test_an_old_link_and_an_idle_session_open_nothing(bare_system, person):
    now = bare_system.clock()
    _, token = person("a", "clerk")
    with bare_system.database.write() as session, pytest.raises(Refused):
        use_login_link(session, token, now + timedelta(days=1))
    with bare_system.database.write() as session:
        opened = use_login_link(session, token, now)
    with bare_system.database.read() as session:
        assert session_caller(session, opened.token, now)
        assert session_caller(session, opened.token, now + SESSION_IDLE + timedelta(seconds=1)) is None


def test_a_session_changes_nothing_without_the_proof_of_our_own_page(bare_app, bare_system, person):
    router = APIRouter()

    @router.post("/api/v1/change", dependencies=[Depends(Needs("deposit:write"))])
    def change() -> None:
        return None

    bare_app.include_router(router)
    _, token = person("a", "clerk")
    with bare_system.database.write() as session:
        opened = use_login_link(session, token, bare_system.clock())
    with TestClient(bare_app, base_url="http://127.0.0.1", cookies={COOKIE: opened.token}) as client:
        csrf = {"X-CSRF-Token": opened.caller.csrf}
        for headers, status in (
            ({}, 403),
            (csrf, 403),  # a token alone: no word of where the request comes from
            (csrf | {"Sec-Fetch-Site": "cross-site"}, 403),
            (csrf | {"Origin": "http://elsewhere.example"}, 403),
            ({"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": "guess"}, 403),
            (csrf | {"Sec-Fetch-Site": "same-origin"}, 200),
            (csrf | {"Origin": "http://127.0.0.1"}, 200),
        ):
            assert client.post("/api/v1/change", headers=headers).status_code == status, headers


def test_missing_scope_403(bare_app, key_of):
    router = APIRouter()

    @router.get("/api/v1/secret", dependencies=[Depends(Needs("admin"))])
    def secret() -> None:
        return None

    bare_app.include_router(router)
    with TestClient(bare_app, base_url="http://127.0.0.1") as client:
        answer = client.get("/api/v1/secret", headers={"Authorization": f"Bearer {key_of('a', 'record:read')}"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


def test_a_route_without_a_permission_keeps_the_application_from_starting(bare_app):
    check_permissions(bare_app)

    @bare_app.get("/forgotten")
    def forgotten() -> None:
        return None

    with pytest.raises(RuntimeError, match="GET /forgotten"):
        check_permissions(bare_app)


def test_neither_a_mount_nor_a_router_slips_through():
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", FastAPI(docs_url=None, redoc_url=None, openapi_url=None))
    check_permissions(app, ["/static"])
    with pytest.raises(RuntimeError, match="/static"):
        check_permissions(app)
    router = APIRouter()

    @router.get("/inner")
    def inner() -> None:
        return None

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router, prefix="/deep")
    with pytest.raises(RuntimeError, match="GET /deep/inner"):
        check_permissions(app)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router, prefix="/deep", dependencies=[Depends(Needs("admin"))])
    check_permissions(app)
