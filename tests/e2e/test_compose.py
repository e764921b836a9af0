"""The compose file is true: each of its services is started natively by the very command it
declares, in the order it declares, and the journey of a record passes through the TLS proxy. Broken
once in each way, it is found out.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.test_journey import (  # noqa: F401 - collected here again, on these services
    kept,
    record,
    test_a_document_signed_by_somebody_else_keeps_its_signature,
    test_a_word_of_page_four_is_found_with_its_page,
    test_every_stage_is_said,
    test_fifty_posts_with_one_key_make_one_record,
    test_strangers_agree_on_the_archival_pdf,
    test_the_evidence_is_checked_offline_without_us,
    test_the_receipt_is_a_signed_note,
    test_the_received_bytes_come_back_bit_for_bit,
)
from tests.servers.clamav import EICAR
from tests.servers.compose import Composed, secrets_made
from tests.servers.compose_file import NotUnderstood, check, copied, load
from tests.servers.service import deposit

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
NAME = "archives.test"
SETTINGS = {"CHARTRIER_HOSTNAME": NAME, "CHARTRIER_ORIGIN": NAME, "CHARTRIER_WORKERS": "2"}


class Department:
    """The services as their users see them.

    What ``tests.servers.service.Service`` is for one machine.
    """

    def __init__(self, composed: Composed) -> None:
        self.composed = composed
        self.socket = composed.published("proxy", 443)
        root = composed.volume("proxy-data") / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        self.trust = ssl.create_default_context(cafile=str(root))

    def chartrier(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = self.composed.execute("api", ["chartrier", *arguments])
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def key(self, scopes: str = "deposit:write,record:read,record:describe,journal:read,admin") -> str:
        made: dict[str, str] = json.loads(
            self.chartrier("key", "create", "--tenant", "demo", "--scopes", scopes, "--json").stdout
        )
        return made["key"]

    def client(self, key: str | None = None) -> httpx2.Client:
        return httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self.socket), verify=self.trust),
            base_url=f"https://{NAME}",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=60,
        )


def project(folder: Path) -> dict[str, Any]:
    file = copied(ROOT, folder)
    secrets_made(folder)
    return load(file, environment=SETTINGS)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    folder = tmp_path_factory.mktemp("compose")
    made = Composed(project(folder), folder)
    trusted = made.volume("keys") / "trusted"  # as docs/operations.md has an administrator put it there
    trusted.mkdir(parents=True)
    shutil.copy(ROOT / "samples" / "truth" / "autorite-du-tiers.pem", trusted)
    for path in (trusted.parent, trusted, *trusted.iterdir()):
        os.chown(path, 10001, 10001)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def service(composed: Composed) -> Department:
    department = Department(composed)
    department.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    return department


@pytest.fixture(scope="module")
def key(service: Department) -> str:
    return service.key()


@pytest.fixture(scope="module")
def client(service: Department, key: str) -> Iterator[httpx2.Client]:
    with service.client(key) as client:
        yield client


# -- what the file promises


def test_the_record_lies_in_the_department_s_servers(
    composed: Composed,
    client: httpx2.Client,
    record: dict[str, Any],  # noqa: F811
) -> None:
    assert record["index"] == {"state": "indexed"}
    assert record["verdicts"]["virus"]["tool"] == "clamav"
    bucket = composed.volume("minio-data") / "chartrier" / "tenants" / "demo"
    found = [
        folder for folder in bucket.rglob("*") if folder.name.replace("-", "").endswith(record["id"].replace("-", ""))
    ]
    assert found, "the package is in MinIO's own folder"
    said = composed.execute(
        "elasticsearch", ["curl", "-s", "http://127.0.0.1:9200/_cat/indices/chartrier*?h=docs.count"]
    )
    assert sum(int(count) for count in said.stdout.split()) >= 1
    asked = "PGPASSWORD=$(cat /run/secrets/postgres_password) psql -h 127.0.0.1 -U postgres -d chartrier -Atc"
    counted = composed.execute("postgres", ["/bin/sh", "-c", f"{asked} 'SELECT count(*) FROM records'"])
    assert int(counted.stdout) >= 1, counted.stderr


def test_malware_is_set_aside(client: httpx2.Client, tmp_path: Path) -> None:
    path = tmp_path / "facture.pdf"
    path.write_bytes((ROOT / "samples" / "deliberations.pdf").read_bytes() + EICAR)
    assert deposit(client, path, key="infected")["state"] == "quarantined"


def test_received_files_are_parsed_in_a_sandbox(composed: Composed) -> None:
    """With the declared security options; the container's own locks must not forbid ours."""
    for name in ("api", "worker"):
        done = composed.execute(
            name, ["python", "-c", "from ingestion.tools.sandbox import Sandbox; print(Sandbox().kind)"]
        )
        assert done.stdout.strip() == "bwrap", name


def test_nothing_is_published_but_the_proxy(composed: Composed) -> None:
    published = {name for name, service in composed.services.items() if service.get("ports")}
    assert published == {"proxy"}
    inside = [name for name, network in composed.project["networks"].items() if network.get("internal")]
    for name, service in composed.services.items():
        if name not in {"proxy", "worker", "beat", "initialise", "signatures"}:
            assert set(service["networks"]) <= set(inside), name


@pytest.mark.parametrize(
    ("who", "whom", "port", "may"),
    [
        ("proxy", "api", 8400, True),
        ("proxy", "postgres", 5432, False),
        ("proxy", "minio", 9000, False),
        ("worker", "postgres", 5432, True),
        ("worker", "elasticsearch", 9200, False),
        ("clamav", "elasticsearch", 9200, False),
        ("signatures", "postgres", 5432, False),
        ("beat", "elasticsearch", 9200, True),
    ],
)
def test_who_reaches_whom(composed: Composed, who: str, whom: str, port: int, may: bool) -> None:
    """By name, and by address for those whose name is hidden."""
    addresses = [members[whom] for members in composed.networks.addresses.values() if whom in members]
    tries = [
        composed.execute(who, ["/bin/bash", "-c", f"echo tried; timeout 2 bash -c '< /dev/tcp/{to}/{port}'"])
        for to in (whom, *addresses)
    ]
    assert all(done.stdout == "tried\n" for done in tries), tries
    assert any(done.returncode == 0 for done in tries) is may, tries
    if not may:  # kept apart, not just nobody at home
        assert not any("refused" in done.stderr for done in tries), tries


def test_nobody_writes_outside_his_volumes(composed: Composed) -> None:
    for name in composed.running:
        if composed.running[name].poll() is not None:
            continue
        done = composed.execute(
            name,
            [
                "/bin/sh",
                "-c",
                "touch /etc/x /usr/x /x 2>&1; id -u; grep -E '^Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status",
            ],
        )
        assert "Read-only file system" in done.stdout, name
        assert "\n0\n" not in done.stdout, name
        assert done.stdout.count("0000000000000000") == 2, name
        assert "NoNewPrivs:\t1" in done.stdout, name


def test_keys_are_shared_and_only_initialise_may_make_them(composed: Composed) -> None:
    seals = {
        name: composed.execute(
            name, ["/bin/sh", "-c", "sha256sum < /var/lib/chartrier/keys/log.key; touch /var/lib/chartrier/keys/x"]
        )
        for name in ("api", "worker", "beat")
    }
    assert len({done.stdout for done in seals.values()}) == 1
    assert all("Read-only" in done.stderr for done in seals.values())


def test_a_secret_is_known_to_who_needs_it(composed: Composed) -> None:
    for name, other in (("api", "database_owner_url"), ("api", "minio_root_password"), ("worker", "postgres_password")):
        assert composed.execute(name, ["cat", f"/run/secrets/{other}"]).returncode != 0
    assert composed.execute("api", ["cat", "/run/secrets/database_url"]).returncode == 0
    for secret in (composed.folder / "deploy" / "secrets").iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600


def test_a_backup_is_made_and_rehearsed_by_the_documented_commands(
    composed: Composed,
    record: dict[str, Any],  # noqa: F811
) -> None:
    folder = composed.folder / "backups"
    folder.mkdir()
    os.chown(folder, 10001, 10001)
    made = composed.run("initialise", ["chartrier", "backup", "/backups"], {folder: "/backups"})
    assert made.returncode == 0, made.stderr
    tried = composed.run("initialise", ["chartrier", "rehearse-restore", "/backups", "--json"], {folder: "/backups"})
    assert tried.returncode == 0, tried.stdout + tried.stderr
    said = json.loads(tried.stdout)
    assert said["faults"] == []
    assert said["checks"]["records"]["records"] >= 1
    assert said["checks"]["store"]["files"] >= 3
    # the role that serves could not: it neither owns the tables nor the scratch database
    early = composed.run(
        "initialise", ["chartrier", "rehearse-restore", "/backups", "--report", "/etc/x"], {folder: "/backups"}
    )
    assert (early.returncode, "Traceback" in early.stderr) == (2, False), early.stderr
    refused = composed.execute("api", ["chartrier", "rehearse-restore", "/tmp"])
    assert refused.returncode == 1


def test_prometheus_asks_from_inside_with_a_key(service: Department, composed: Composed, key: str) -> None:
    ask = (
        "import sys, urllib.request as u; "
        "r = u.Request('http://api:8400/metrics', headers={'Authorization': 'Bearer ' + sys.argv[1]}); "
        "print(u.urlopen(r, timeout=20).read().decode())"
    )
    text = composed.execute("worker", ["python", "-c", ask, key]).stdout
    assert 'chartrier_component_ok{component="search"} 1.0' in text
    assert "\nchartrier_queue_messages " in text
    assert composed.execute("worker", ["python", "-c", ask, "none"]).returncode != 0


# -- behind the proxy


def test_pages_are_served_over_tls_alone(service: Department, client: httpx2.Client, composed: Composed) -> None:
    answer = client.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(composed.published("proxy", 80)))) as plain:
        sent = plain.get(f"http://{NAME}/recherche?q=x")
    assert (sent.status_code, sent.headers["location"]) == (308, f"https://{NAME}/recherche?q=x")


def test_numbers_and_strange_names_stay_outside(client: httpx2.Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/health/live", headers={"Host": "autre.test"}).status_code == 421


def test_the_real_address_is_counted_and_cannot_be_chosen(service: Department) -> None:
    """Twenty verifications a minute from one address, whatever it writes in X-Forwarded-For."""
    with service.client() as stranger:
        codes = [
            stranger.post(
                "/api/v1/verifications", content=b"x", headers={"X-Forwarded-For": f"203.0.113.{number}"}
            ).status_code
            for number in range(21)
        ]
    assert codes[0] != 429, codes
    assert codes[-1] == 429, codes


def test_the_session_cookie_is_bound_to_this_host(service: Department) -> None:
    made = json.loads(
        service.chartrier("user", "create", "Claire", "--role", "clerk", "--tenant", "demo", "--json").stdout
    )
    link = made["link"]
    assert link.startswith(f"https://{NAME}/connexion/")
    with service.client() as browser:
        strange = browser.post(httpx2.URL(link).path, headers={"Origin": "https://autre.test"})
        assert strange.status_code == 403
        opened = browser.post(
            httpx2.URL(link).path, headers={"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
        )
    cookie = opened.headers["set-cookie"]
    assert cookie.startswith("__Host-chartrier=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "Path=/"))


def test_the_access_log_holds_no_question_and_no_secret(
    service: Department, client: httpx2.Client, key: str, composed: Composed
) -> None:
    client.get(
        "/api/v1/search", params={"q": "motsecret"}, headers={"Referer": f"https://{NAME}/recherche?q=motsecret"}
    )
    with service.client() as stranger:
        stranger.get("/connexion/lienquiouvre")
    text = composed.log("proxy").read_text()
    assert '"/api/v1/search"' in text
    assert all(word not in text for word in ("motsecret", "lienquiouvre", key))


def test_a_large_deposit_streams_through(service: Department, client: httpx2.Client, composed: Composed) -> None:
    """300 MB: the proxy's memory does not hold it, and nobody says that it is too large."""
    size = 300 << 20

    def body() -> Iterator[bytes]:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            yield block

    answer = client.post(
        "/api/v1/deposits",
        content=body(),
        headers={
            "Idempotency-Key": "large",
            "Content-Type": "application/octet-stream",
            "Content-Disposition": 'attachment; filename="grand.bin"',
        },
        timeout=300,
    )
    assert answer.status_code == 202, answer.text
    caddy = composed._first_process(composed.running["proxy"])
    peak = next(
        int(line.split()[1])
        for line in Path(f"/proc/{caddy}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert peak < 150 << 10, f"{peak} kB"


# -- an honest starter: what is wrong in the file is found out


def broken(folder: Path, change: Callable[[dict[str, Any]], None], *names: str) -> Composed:
    """A few services of the file (and what they need of the rest left out), changed."""
    changed = copy.deepcopy(project(folder))
    changed["services"] = {name: changed["services"][name] for name in names}
    for service in changed["services"].values():
        service["depends_on"] = {n: c for n, c in (service.get("depends_on") or {}).items() if n in names}
    change(changed["services"])
    return Composed(changed, folder)


def _first(services: dict[str, Any], name: str, needed: str) -> None:
    """Start a service before one that it needs, whichever of the two is the faster today."""
    services[name].update(depends_on={})
    services[needed].update(depends_on={name: {"condition": "service_completed_successfully"}})


BREAKS: dict[str, tuple[Callable[[dict[str, Any]], None], tuple[str, ...], str]] = {
    "a setting with a wrong name": (
        lambda s: s["initialise"]["environment"].update(CHARTRIER_S3_ENDPONT="http://minio:9000"),
        ("postgres", "minio", "minio-setup", "initialise"),
        "CHARTRIER_S3_ENDPONT",
    ),
    "a wrong variable of an image": (
        lambda s: s["minio"]["environment"].update(MINIO_ROOT_PASSWORD_FILE="minio_root_pass"),
        ("minio", "minio-setup"),
        "ended with 1",
    ),
    "a broken health check": (
        lambda s: s["valkey"]["healthcheck"].update(
            test=["CMD", "valkey-cli", "-p", "6380", "ping"], start_period="1s", interval="1s", retries=2
        ),
        ("valkey",),
        "is not healthy",
    ),
    "a service that does not wait for what it needs": (
        lambda s: _first(s, "initialise", "postgres"),
        ("initialise", "minio", "minio-setup", "postgres"),
        "initialise ended with",
    ),
    "a service on the wrong network": (
        lambda s: s["minio-setup"].update(networks={"outward": None}),
        ("minio", "minio-setup"),
        "minio-setup ended with 1",
    ),
    "a secret that is not given": (
        lambda s: s["valkey"].update(secrets=[]),
        ("valkey",),
        "valkey ended with",
    ),
    "a command that does not exist": (
        lambda s: s["minio"].update(command=["minio", "serve", "/data"]),
        ("minio",),
        "minio ended with",
    ),
    "a volume that is read-only where it must not be": (
        lambda s: s["valkey"]["volumes"][0].update(read_only=True),
        ("valkey",),
        "valkey ended with",
    ),
    "another account than the secret's": (
        lambda s: s["valkey"].update(user="10001:10001"),
        ("valkey",),
        "valkey ended with",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_mistake_in_the_file_is_found_out(what: str, tmp_path: Path) -> None:
    change, names, said = BREAKS[what]
    made = broken(tmp_path, change, *names)
    try:
        with pytest.raises(AssertionError, match=said):
            made.start()
    finally:
        made.stop()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p["services"]["api"].update(privileged=True), "api.privileged: unknown"),
        (lambda p: p["services"]["api"].update(cap_drop=[]), "api.cap_drop"),
        (lambda p: p["services"]["api"].update(read_only=False), "api.read_only"),
        (lambda p: p["services"]["api"].update(user="0:0"), "api.user"),
        (lambda p: p["services"]["api"].pop("mem_limit"), "api.mem_limit"),
        (lambda p: p["services"]["api"].pop("healthcheck"), "api.healthcheck"),
        (lambda p: p["services"]["api"]["security_opt"].append("seccomp=unconfined"), "api.security_opt"),
        (lambda p: p["services"]["api"]["healthcheck"].update(start_interval="1s"), "healthcheck.start_interval"),
        (lambda p: p["networks"]["back"].update(driver="overlay"), "networks.back.driver"),
    ],
)
def test_what_the_starter_does_not_understand_is_refused(
    change: Callable[[dict[str, Any]], None], said: str, tmp_path: Path
) -> None:
    changed = project(tmp_path)
    check(changed)
    change(changed)
    with pytest.raises(NotUnderstood, match=said):
        check(changed)


def test_compose_go_refuses_an_unknown_key_and_a_missing_name(tmp_path: Path) -> None:
    file = copied(ROOT, tmp_path)
    with pytest.raises(NotUnderstood, match="CHARTRIER_ORIGIN"):
        load(file, environment={"CHARTRIER_HOSTNAME": NAME})
    file.write_text(file.read_text().replace("pids_limit: 64", "pids_limt: 64", 1))
    with pytest.raises(NotUnderstood, match="pids_limt"):
        load(file, environment=SETTINGS)


def test_the_development_file_loads_on_top(tmp_path: Path) -> None:
    file = copied(ROOT, tmp_path)
    both = load(file, tmp_path / "compose.dev.yml", environment=SETTINGS)
    assert all(
        port["host_ip"] == "127.0.0.1"
        for n, s in both["services"].items()
        if n != "proxy"
        for port in s.get("ports") or []
    )
