"""A proxy before a real HTTP server, by which a test can change or cut the answers."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Change = Callable[[str, str, Answer], Answer]
"""A function: (method, path, the server's answer) -> the answer that the caller gets."""


class Gate:
    """One proxy on a free loopback port.

    Args:
        port: Port of the real server on this machine.
        certificate: PEM file with certificate and key; the proxy then speaks TLS.
        keep_host: Whether to pass on the caller's ``Host`` header, where a signature covers it.

    Attributes:
        change: A function applied to each answer; None: answers are unchanged. If it raises
            ``ConnectionError``, the proxy hangs up instead.
        shut: Whether to hang up without passing anything on.
        cut: Number of bytes of a GET's body after which to hang up, once; None: never.
        seen: Headers of every request, names in lower case.
    """

    def __init__(self, port: int, certificate: Path | None = None, *, keep_host: bool = False) -> None:
        self.change: Change | None = None
        self.cut: int | None = None
        self.shut = False
        self.seen: list[dict[str, str]] = []
        gate = self

        dropped = {"accept-encoding"} if keep_host else {"host", "accept-encoding"}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                gate.seen.append({name.lower(): value for name, value in self.headers.items()})
                headers = {k: v for k, v in self.headers.items() if k.lower() not in dropped}
                if gate.shut:
                    self.close_connection = True
                    return
                server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                server.request(self.command, self.path, body, headers)
                answered = server.getresponse()
                answer = (answered.status, dict(answered.getheaders()), answered.read())
                server.close()
                try:
                    if gate.change is not None:
                        answer = gate.change(self.command, self.path, answer)
                except ConnectionError:
                    self.close_connection = True
                    return
                status, given, content = answer
                self.send_response(status)
                for name, value in given.items():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                        self.send_header(name, value)
                length = len(content) if self.command != "HEAD" else answered.getheader("Content-Length", "0")
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command == "GET" and gate.cut is not None and len(content) > gate.cut:
                    content, gate.cut, self.close_connection = content[: gate.cut], None, True
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
            setattr(Handler, f"do_{method}", Handler._pass)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
