"""What somebody who holds keys of an installation can write anew around bytes that he changed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from archive.journal.merkle import (
    checkpoint_text,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    nodes_of,
    root_hash,
    tlog_proof,
)
from signing.ground.canonical import canonical
from signing.note import LogKey
from signing.port import Timestamper
from tests.strangers.genuine import Files

EARLIER = "journal/consistency.json"
REVISIONS = (
    "RecordKept",
    "RecordCompleted",
    "RecordDescribed",
    "RecordRecomputed",
    "RecordRedacted",
    "MalwareFound",
    "RecordRecovered",
)


def write(value: Any) -> bytes:
    """Return canonical JSON, also of what ours would refuse to write (floats)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entries_of(files: Files) -> list[int]:
    """Return the numbers of a bundle's entries."""
    found = (re.fullmatch(r"journal/(0|[1-9][0-9]*)\.json", name) for name in files)
    return sorted(int(name[1]) for name in found if name)


def sha256(content: bytes) -> str:
    """Return the digest, hex."""
    return hashlib.sha256(content).hexdigest()


def relist(files: Files, key: LogKey, *, vkey: bool = False) -> None:
    """Write the manifest anew over the files as they are, and sign it."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: {"sha-256": sha256(content), "size": len(content)}
        for name, content in sorted(files.items())
        if name not in {"manifest.json", "manifest.note"}
    }
    if vkey:
        manifest["log"] = {"origin": key.origin, "vkey": key.vkey}
    files["manifest.json"] = write(manifest)
    sign_list(files, key)


def sign_list(files: Files, key: LogKey) -> None:
    """Sign the manifest as it is."""
    statement = {"v": 1, "type": "evidence", "record": json.loads(files["manifest.json"]).get("record")}
    statement["sha-256"] = sha256(files["manifest.json"])
    files["manifest.note"] = key.sign_note(canonical(statement).decode() + "\n").encode()


def regrow(files: Files, key: LogKey, timestamper: Timestamper) -> None:
    """Write the journal anew: a tree over the entries as they are, checkpoint, proofs, token."""
    numbers = entries_of(files)
    size = max(numbers, default=0) + 3
    bodies = [files.get(f"journal/{n}.json", b"filler %d" % n) for n in range(size)]
    nodes = nodes_of([leaf_hash(body) for body in bodies])
    note = key.sign_note(checkpoint_text(key.origin, size, root_hash(size, nodes)))
    for name in [n for n in files if n.endswith(".tlog-proof")]:
        del files[name]
    for n in numbers:
        files[f"journal/{n}.tlog-proof"] = tlog_proof(n, inclusion_proof(n, size, nodes), note).encode()
    if EARLIER in files:
        old = 2
        proof = [base64_of(one) for one in consistency_proof(old, size, nodes)]
        told = {"v": 1, "type": "consistency", "from": old, "to": size, "root": base64_of(root_hash(old, nodes))}
        files[EARLIER] = write(told | {"proof": proof})
    files["journal/checkpoint.tsr"] = timestamper.token(hashlib.sha256(note.encode()).digest())


def acknowledge(files: Files, key: LogKey) -> None:
    """Sign the receipt anew, from its own words and the entry as it is."""
    served = json.loads(files["receipt.json"])
    told, n = served["receipt"], served["receipt"].get("entry")
    entry = files.get(f"journal/{n}.json", b"")
    told["leaf"] = leaf_hash(entry).hex()
    served |= {"note": key.sign_note(write(told).decode() + "\n"), "key": key.vkey, "entry": entry.decode()}
    served["proof"] = files.get(f"journal/{n}.tlog-proof", b"").decode()
    files["receipt.json"] = write(served)


def promise(files: Files) -> None:
    """Make inventory and last revision's entry say the digests of the files as they are."""
    inventory = json.loads(files["inventory.json"])
    state = inventory["versions"][inventory["head"]]["state"]
    for name, content in files.items():
        logical = f"metadata/{name}" if name in {"record.json", "premis.json"} else name
        if not logical.startswith(("metadata/", "reports/")):
            continue
        new = hashlib.sha512(content).hexdigest()
        old = next((digest for digest, names in state.items() if logical in names), None)
        if old is None or old == new:
            continue
        state[new] = state.pop(old)
        inventory["manifest"][new] = inventory["manifest"].pop(old)
    files["inventory.json"] = json.dumps(inventory, sort_keys=True, indent=2).encode()
    for n in reversed(entries_of(files)):
        entry = json.loads(files[f"journal/{n}.json"])
        if entry.get("type") in REVISIONS:
            entry["facts"]["record"] = sha256(files["record.json"])
            entry["facts"]["inventory"] = hashlib.sha512(files["inventory.json"]).hexdigest()
            files[f"journal/{n}.json"] = write(entry)
            return


def base64_of(content: bytes) -> str:
    """Return the canonical base64."""
    return base64.b64encode(content).decode()
