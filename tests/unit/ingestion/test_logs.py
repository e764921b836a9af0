"""Logs are for people: one line for an outage, on standard error, whatever else
a program writes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from structlog.testing import capture_logs

from ingestion.assembly import assemble
from ingestion.logs import hide_secrets
from ingestion.queue.celery import make_app
from ingestion.settings import load_settings
from ingestion.tasks import Slots, Tasks
from signing.authority import ensure_generated
from tests.servers.process import free_port


def run(program: str) -> tuple[str, str]:
    """What a program of its own writes to standard output and standard error."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def test_the_client_of_elasticsearch_says_nothing_that_we_say() -> None:
    said = run(f"""
from contextlib import suppress
from ingestion.logs import configure_logs
from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from signing.ground.errors import Unavailable
configure_logs()
index = ElasticIndex(Link("http://127.0.0.1:{free_port()}"), "t")
for _ in range(3):
    with suppress(Unavailable):
        index.position("felletin")
""")
    assert said == ("", "")


def test_a_wake_up_that_finds_no_database_is_no_failed_task(tmp_path: Path) -> None:
    settings = {
        "CHARTRIER_HOME": str(tmp_path),
        "CHARTRIER_DATABASE_URL": f"postgresql+psycopg://x:y@127.0.0.1:{free_port()}/z",
    }
    system = assemble(load_settings(settings))
    ensure_generated(system.settings.signing.keys, organisation="Département d’essai")
    app = make_app(f"redis://127.0.0.1:{free_port()}/0")
    Tasks(app, lambda: system, Slots(tmp_path / "slots", 1))
    with capture_logs() as lines:
        states = [app.tasks["chartrier.advance"].apply(args=["d1"]).state for _ in range(3)]
        states.append(app.tasks["chartrier.pages"].apply(args=["d1:1"]).state)
    system.close()
    assert states == ["SUCCESS"] * 4
    assert [(line["event"], line["log_level"], line["code"]) for line in lines] == [
        ("wake_up_void", "warning", "database_away")
    ]


def test_warnings_never_stand_among_the_answers_of_a_command() -> None:
    out, told = run("""
import sys
import structlog
from api.cli import context, main

@main.app.command()
def tried() -> None:
    context.print_json({"answer": 1})
    structlog.get_logger("x").info("unasked")
    structlog.get_logger("x").warning("look")

sys.argv = ["chartrier", "tried"]
main.main()
""")
    assert json.loads(out) == {"answer": 1}
    assert json.loads(told)["event"] == "look"


def test_keys_never_reach_the_log() -> None:
    event = hide_secrets(None, "info", {"event": "x chr_" + "A" * 38 + " y", "n": 1})
    assert event == {"event": "x chr_… y", "n": 1}


def test_passwords_of_urls_never_reach_the_log() -> None:
    for url in ("amqp://user:canary@host:5672/v", "redis://:canary@h/0", "postgresql+psycopg://a:ca%2Fnary@h/d"):
        said = hide_secrets(None, "info", {"event": f"lost {url}: refused", "error": f"OperationalError('{url}')"})
        assert "nary" not in str(said)
        assert "@h" in said["event"]
    assert hide_secrets(None, "info", {"event": "see https://host:8443/a@b"}) == {"event": "see https://host:8443/a@b"}
