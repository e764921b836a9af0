"""Accept bare accents in an address.

Browsers write them ``%C3%A9``; ``curl "…?q=délibération"`` sends them bare.
"""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class LenientUrls(H11Protocol):
    """HTTP/1.1 protocol of uvicorn that encodes bare accents of a request line."""

    def data_received(self, data: bytes) -> None:
        """Receive bytes; only the first line of a new request is changed."""
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            line, end, rest = data.partition(b"\r\n")
            if end and not line.isascii():
                data = percent_encoded(line) + end + rest
        super().data_received(data)


def percent_encoded(line: bytes) -> bytes:
    """Return the line with every byte beyond ASCII written as ``%XX``."""
    return b"".join(bytes([byte]) if byte < 0x80 else b"%%%02X" % byte for byte in line)
