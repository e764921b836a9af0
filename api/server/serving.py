"""Run the API process, and the process that initialises the home at a start."""

from __future__ import annotations

import socket

from ingestion.settings import Settings


def serve_api(settings: Settings, descriptor: int) -> int:
    """Serve the API on the given socket until SIGTERM; return the exit code 0."""
    import uvicorn

    from api.app import create_app
    from api.server.lenient_urls import LenientUrls
    from archive.database.tenancy import NOTHING
    from ingestion.assembly import assemble
    from ingestion.logs import configure_logs

    configure_logs()
    system = assemble(settings, sees=NOTHING)
    config = uvicorn.Config(
        create_app(system),
        http=LenientUrls,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.api.trusted_proxies),
        forwarded_allow_ips=list(settings.api.trusted_proxies),
        limit_concurrency=256,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16384,
        lifespan="off",
        ws="none",
    )
    try:
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
    finally:
        system.close()
    return 0


def initialise(settings: Settings) -> int:
    """Create the home, or bring it up to date; return the exit code 0.

    This runs in a process of its own, so that nothing of it stays in memory.
    """
    from ingestion.assembly import assemble

    system = assemble(settings)
    system.initialise()
    system.close()
    return 0
