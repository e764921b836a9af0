"""A PAdES seal with an RSA-3072 key beside pyHanko's ``SimpleSigner``: the same file, the same key
and certificates.

In processor time, in turns, so that who else uses the machine doesn't count. Without a time-stamp
on both sides: that is the authority's time, not the signer's.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

from signing.authority import ensure_generated
from signing.pdf import seal_file
from signing.signers.pem import PemSigner
from tests.bench.results import add_row
from tests.corpus.make_pki import blank_document

ROUNDS = 15
_UNIT = "ms of processor"


def run(_corpus: Path | None = None) -> None:
    """Both rows: the whole seal, and the signature in it."""
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-") as given:
        folder = Path(given)
        ensure_generated(folder / "keys", organisation="Banc d’essai")
        key, certificate, root = (folder / "keys" / name for name in ("seal.key", "seal.pem", "root.pem"))
        signer = PemSigner(certificate.read_bytes(), key.read_bytes(), [root.read_bytes()])
        peer = signers.SimpleSigner.load(str(key), str(certificate), ca_chain_files=[str(root)])  # type: ignore[no-untyped-call]
        assert isinstance(peer, signers.SimpleSigner)
        source = folder / "source.pdf"
        source.write_bytes(blank_document())

        def sealed_by_peer() -> None:
            metadata = signers.PdfSignatureMetadata(
                field_name="Seal", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
            )
            with source.open("rb") as file, (folder / "peer.pdf").open("w+b") as target:
                signers.sign_pdf(IncrementalPdfFileWriter(file), metadata, peer, output=target)

        ours, theirs, ratio = _in_turns(
            lambda: seal_file(source, folder / "ours.pdf", signer, None),
            sealed_by_peer,
        )
        add_row("PAdES with RSA-3072, pyHanko SimpleSigner", ours, theirs, ratio, _UNIT, rounds=ROUNDS)
        message = source.read_bytes()
        ours, theirs, ratio = _in_turns(
            lambda: signer.sign(message),
            lambda: peer.sign_raw(message, "sha256"),
        )
        add_row("RSA-3072 signature, pyHanko SimpleSigner", ours, theirs, ratio, _UNIT, rounds=ROUNDS)


def _in_turns(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float, float]:
    """Median milliseconds of both, and the median of the rounds' ratios."""
    for call in (ours, peer):
        call()
    times: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        spent: dict[Callable[[], object], float] = {}
        for call in (ours, peer) if number % 2 == 0 else (peer, ours):
            begun = time.process_time()
            call()
            spent[call] = (time.process_time() - begun) * 1000
        times.append((spent[ours], spent[peer]))
    mine, theirs = zip(*times, strict=True)
    return statistics.median(mine), statistics.median(theirs), statistics.median(t / m for m, t in times)
