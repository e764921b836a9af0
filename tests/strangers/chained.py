"""Mutations of who sealed and stamped: chains of the test authorities, named by the reader."""

from __future__ import annotations

import hashlib
import json
import warnings
from datetime import UTC, datetime
from functools import cache

from asn1crypto import cms as asn1_cms
from asn1crypto import tsp
from cryptography.hazmat.primitives.serialization import Encoding

from signing.cms import signed_message
from signing.ground.clock import utc_now
from signing.signers.pem import KeySigner
from signing.timestampers.local import POLICY
from tests.strangers import forger
from tests.strangers.draws import Draw, Mutant
from tests.strangers.genuine import Files, zipped
from tests.unit.signing.chain_cases import CASES, Case, Holder, root

BEYOND = {"a seal on a German curve"}
"""Go's standard library has no Brainpool curves: the program says *unverifiable* of them."""


@cache
def _case(name: str) -> Case:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CASES[name]()


def _named(holder: Holder) -> dict[str, str]:
    der = holder.certificate.public_bytes(Encoding.DER)
    return {
        "certificate": forger.base64_of(der),
        "sha-256": forger.sha256(der),
        "subject": holder.certificate.subject.rfc4514_string(),
    }


def chains(draw: Draw) -> Mutant:
    """Seal the log key, or stamp the checkpoint, by a chain whose root the reader trusts."""
    files, name = draw.files, draw.pick(set(CASES) - BEYOND)
    case = _case(name)
    signer = KeySigner(case.leaf.certificate, case.leaf.key, [o.certificate for o in case.others], probative=False)
    told = json.loads(draw.ours.trust)
    kind = "timestamp_roots" if case.stamps else "seal_roots"
    told[kind].append(_named(case.root or root()))
    if case.stamps:
        files["journal/checkpoint.tsr"] = _token(signer, files)
    else:
        line = (draw.key.vkey + "\n").encode()
        digest = hashlib.sha256(line).digest()
        files["journal/log-key.p7s"] = bytes(signed_message(signer, digest=digest, signing_time=utc_now()).dump())
        told["seals"].append({n: v for n, v in _named(case.leaf).items() if n != "certificate"})
    forger.relist(files, draw.key)
    return f"{draw.name}: chain: {name}", zipped(files), forger.write(told) + b"\n"


def _token(signer: KeySigner, files: Files) -> bytes:
    note = next(content for name, content in files.items() if name.endswith(".tlog-proof")).partition(b"\n\n")[2]
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(note).digest()}
    statement = {"version": "v1", "policy": POLICY, "message_imprint": imprint, "serial_number": 1}
    content = tsp.TSTInfo(statement | {"gen_time": datetime.now(UTC)})
    made = signed_message(
        signer,
        digest=hashlib.sha256(content.dump()).digest(),
        content_type="tst_info",
        content=asn1_cms.ParsableOctetString(content.dump()),
    )
    return bytes(made.dump())
