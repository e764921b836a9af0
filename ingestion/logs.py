"""Write logs for operators: one JSON object a line on standard error, no personal content."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET = re.compile(r"chr_[0-9A-Za-z]{20,}")

_CREDENTIALS = re.compile(r"(://[^/\s:@\"']*):[^/\s@\"']+@")
"""Password of a URL; brokers and databases have such URLs."""


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Blank everything that looks like a key or a URL's password, in any value."""
    return {key: _blanked(value) if isinstance(value, str) else value for key, value in event.items()}


def _blanked(value: str) -> str:
    return _CREDENTIALS.sub(r"\1:…@", _SECRET.sub("chr_…", value))


def configure_logs(*, level: int = logging.INFO) -> None:
    """Set up structlog and the standard library's loggers alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [to_stderr]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
    for name in ("amqp", "urllib3"):  # a line for each of their requests adds nothing
        logging.getLogger(name).setLevel(logging.WARNING)
    # while Elasticsearch does not answer, its client writes three tracebacks a try; the caller logs
    # one line
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").disabled = True  # our line has it all but query strings
