"""What a broker's URL decides, and in which order a worker takes what it holds."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest

from ingestion.deposits.states import urgency
from ingestion.queue.brokers import broker_of
from ingestion.queue.celery import TIME_LIMIT, make_app
from ingestion.queue.classes import CLASSES, class_named, class_of, more_urgent_than
from ingestion.queue.line import Line
from ingestion.settings import BROKERS, load_settings
from signing.ground.errors import Refused


@pytest.mark.parametrize("scheme", BROKERS)
def test_every_scheme_that_settings_accept_has_a_broker(scheme: str, tmp_path: Path) -> None:
    broker = broker_of(f"{scheme}://:secret@host/0", tmp_path / "ca.pem")
    assert broker.is_redis == (not scheme.startswith("amqp"))
    assert (broker.tls is not None) == (scheme in {"rediss", "valkeys", "amqps"})
    if broker.tls is not None:
        assert ssl.CERT_REQUIRED in broker.tls.values()
        assert str(tmp_path / "ca.pem") in broker.tls.values()


def test_an_unknown_broker_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load_settings({"CHARTRIER_HOME": str(tmp_path), "CHARTRIER_BROKER_URL": "sqs://user:canary-7@host"})
    assert refused.value.code == "bad_settings"
    assert "canary-7" not in str(refused.value)
    with pytest.raises(ValueError, match="sqs"):
        broker_of("sqs://user:canary-7@host")


@pytest.mark.parametrize("url", ["redis://h/0", "amqp://h/v"])
def test_a_worker_keeps_what_it_has_not_done(url: str) -> None:
    conf = make_app(url).conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert not conf.task_acks_on_timeout
    assert conf.worker_prefetch_multiplier == 1
    assert conf.broker_connection_max_retries is None
    assert conf.visibility_timeout > TIME_LIMIT
    assert conf.accept_content == ["json"]


def test_rabbitmq_gets_quorum_queues_and_confirms() -> None:
    conf = make_app("amqp://h/v").conf
    assert [queue.queue_arguments for queue in conf.task_queues] == [{"x-queue-type": "quorum"}] * len(CLASSES)
    assert conf.broker_transport_options["confirm_publish"]


def test_letters_registers_and_the_night_are_classes_of_their_own() -> None:
    letter, short, register = (class_of(urgency(0, pages)) for pages in (1, 30, 1000))
    assert [letter, short, register] == [CLASSES[0], CLASSES[1], CLASSES[2]]
    assert class_of(urgency(5, 1)) == CLASSES[1]
    assert class_of(urgency(9, 1)) == CLASSES[3]
    assert more_urgent_than(8) == CLASSES[:2]
    assert class_named("chartrier.registers") == CLASSES[2]
    assert class_named("something else") == CLASSES[0]


def _waiter(priority: int, name: str) -> tuple[object, ...]:
    request = SimpleNamespace(name=name, delivery_info={"routing_key": class_of(priority).queue})
    return (print, (request,), {})


def test_the_most_urgent_leaves_the_line_first_and_equals_in_their_order() -> None:
    line = Line()
    for priority, name in ((6, "page 1"), (9, "night"), (6, "page 2"), (0, "letter 1"), (5, "batch"), (0, "letter 2")):
        line.append(_waiter(priority, name))  # type: ignore[arg-type]
    left = [line.popleft()[1][0].name for _ in range(6)]
    assert left == ["letter 1", "letter 2", "batch", "page 1", "page 2", "night"]
    with pytest.raises(IndexError):
        line.popleft()


def test_a_process_forked_from_the_worker_sees_who_waits() -> None:
    line = Line()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reading, 1)
        os._exit(10 * line.holds(6) + line.holds(3))
    line.append(_waiter(3, "short"))  # type: ignore[arg-type]
    os.write(writing, b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10
    line.clear()
    assert not line.holds(9)
    assert len(line) == 0
