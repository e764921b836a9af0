"""Check a store from its files alone: no database, no service, no network.

Any holder of a copy of the store can check that the journal is whole and signed, and that the
records are those that the journal states as kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from archive.custody.offline_certificates import check_certificates
from archive.custody.offline_log import HOUR, Anchors, Finding, Log
from archive.journal.merkle import (
    TILE,
    Tile,
    bundle_key,
    grown,
    leaf_hash,
    new_tiles,
    node_hash,
    nodes_of,
    parse_checkpoint,
    root_hash,
    unpack_bundle,
)
from archive.journal.opening import vkey_line
from archive.objects import layout, ocfl
from archive.objects.begun import follows
from archive.objects.fixity import Fixity
from archive.objects.layout import StampedKey
from signing.ground.canonical import parse_canonical
from signing.ground.machine import fault_of
from signing.note import verify_note
from signing.reasons import sentence
from signing.seal import verify_detached
from signing.timestampers.rfc3161 import verify_token
from signing.verdict import Verdict

_PARTS: Final = (layout.LAYOUT_JSON, *(layout.bare(part) for part in (layout.JOURNAL, layout.TENANTS)))
_CHUNK: Final = 1 << 20
_DUE: Final = timedelta(hours=24)
_PATIENCE: Final = timedelta(hours=2)
_CHAIN_DOUBTS: Final = frozenset(
    {"untrusted_chain", "not_anchored", "expired", "not_yet_valid", "key_usage", "weak_algorithm", "ok"}
)


def check_store(root: Path, trusted: Anchors, named: frozenset[str] | None = None) -> Iterator[Finding]:
    """Check everything, the journal first.

    Args:
        root: The store's folder.
        trusted: Whose seals and whose time-stamps are believed.
        named: SHA-256 of the seals that must have vouched for the journal; one by another is
            unverifiable. None when the caller does not judge whose they are.
    """
    if not any((root / part).exists() for part in _PARTS):
        yield Finding(f"{root}", Fixity.UNVERIFIABLE, "Il n’y a pas de magasin à cet endroit : rien n’a été contrôlé.")
        return
    log: Log | None = None
    try:
        log = _open(root)
        yield from _check_journal(root, log, trusted, named)
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Finding(layout.bare(layout.JOURNAL), _unread(error), f"Le journal ne se lit pas : {error}.")
    yield from _check_records(root, log)


def _unread(error: Exception) -> Fixity:
    """Return what an unread thing counts as; a fault of this machine accuses nothing."""
    return Fixity.ALTERED if fault_of(error) is None else Fixity.UNVERIFIABLE


def _open(root: Path) -> Log:
    stated = parse_canonical((root / layout.LAYOUT_JSON).read_bytes())["log"]
    return Log(stated["vkey"], stated["origin"])


# -- the journal


def _check_journal(root: Path, log: Log, trusted: Anchors, named: frozenset[str] | None) -> Iterator[Finding]:
    note = (root / layout.CHECKPOINT).read_text(encoding="utf-8")
    size, head = parse_checkpoint(verify_note(note, log.vkey), log.origin)
    yield from _read_entries(root, log, size)
    if len(log.leaves) != size:
        return
    if root_hash(size, nodes_of(log.leaves)) != head:
        yield Finding(layout.CHECKPOINT, Fixity.ALTERED, "Les entrées ne mènent pas au point de contrôle.")
        return
    yield Finding(layout.CHECKPOINT, Fixity.INTACT, f"{size} entrées sous un point de contrôle signé.")
    yield from _check_tiles(root, log, size)
    yield from _check_earlier(root, log, trusted.stamps)
    yield from _check_register(root, log)
    yield from check_certificates(root, log)
    for voucher in [root / layout.FIRST_VOUCHER, *sorted(root.glob(layout.VOUCHER_GLOB))]:
        cms = voucher.read_bytes()
        finding = verify_detached(cms, vkey_line(log.vkey), trusted.seals, stamps=trusted.stamps)
        verdict, said = _fixity(finding.verdict, finding.reason), f"{finding.signer} : {finding.detail}"
        digest = hashlib.sha256(bytes.fromhex(finding.certificate)).hexdigest()
        if verdict is Fixity.INTACT and named is not None and digest not in named:
            verdict = Fixity.UNVERIFIABLE
            said = f"{finding.signer}. Est-ce bien celui que vous attendez ? Dites-le : --trust, ou --signer {digest}"
        yield Finding(voucher.relative_to(root).as_posix(), verdict, said)


def _read_entries(root: Path, log: Log, size: int) -> Iterator[Finding]:
    for index, width in grown(0, size):
        path = _present(root, bundle_key(index, width), bundle_key(index))
        if path is None:
            yield _gone(bundle_key(index, width))
            return
        for n, body in enumerate(unpack_bundle(path.read_bytes())[:width], index * TILE):
            entry = parse_canonical(body)
            if entry["n"] != n:
                yield Finding(f"entrée {n}", Fixity.ALTERED, "Elle porte un autre numéro.")
            log.read(n, entry, leaf_hash(body))


def _check_tiles(root: Path, log: Log, size: int) -> Iterator[Finding]:
    rows: dict[int, list[bytes]] = {0: log.leaves}
    row = log.leaves
    for level in range(1, size.bit_length()):
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        if level % 8 == 0:
            rows[level] = row
    wrong = 0
    for tile in new_tiles(0, size):
        first = tile.index * TILE
        expected = b"".join(rows[8 * tile.level][first : first + tile.width])
        path = _present(root, tile.key, Tile(tile.level, tile.index).key)
        if path is None:
            yield _gone(tile.key)
        elif path.read_bytes()[: 32 * tile.width] != expected:
            yield Finding(tile.key, Fixity.ALTERED, "Ses empreintes ne sont pas celles des entrées.")
        else:
            continue
        wrong += 1
    if not wrong:
        yield Finding(layout.bare(layout.TILES), Fixity.INTACT, "Chaque tuile est celle des entrées.")


def _check_earlier(root: Path, log: Log, stamps: tuple[bytes, ...]) -> Iterator[Finding]:
    """Check time-stamped checkpoints: each must be a past state of this same journal."""
    nodes = nodes_of(log.leaves)
    stamped: list[tuple[int, datetime]] = []
    paths = list((root / layout.CHECKPOINTS).glob("*"))
    for path in sorted(path for path in paths if not path.stem.isdecimal()):
        yield Finding(path.relative_to(root).as_posix(), Fixity.ALTERED, "Ce fichier n’est pas du journal.")
    for at in sorted({int(path.stem) for path in paths if path.stem.isdecimal()}):
        name, token_name = StampedKey(at).key, StampedKey(at, token=True).key
        path, token = root / name, root / token_name
        if not path.is_file() or not token.is_file():
            yield _gone(name if token.is_file() else token_name)
            continue
        text = path.read_bytes()
        size, head = parse_checkpoint(verify_note(text.decode(), log.vkey), log.origin)
        if size > len(log.leaves) or root_hash(size, nodes) != head:
            yield Finding(name, Fixity.ALTERED, "Le journal ne prolonge pas ce point de contrôle.")
            continue
        report = verify_token(token.read_bytes(), hashlib.sha256(text).digest(), stamps or None)
        said = f"Horodaté le {report.time:%Y-%m-%d à %H:%M:%S} UTC." if report.time else sentence(report.reason)
        if report.time:
            stamped.append((size, report.time))
        yield Finding(name, _fixity(report.verdict, report.reason), said)
    for since, until in unstamped(log.moments, stamped):
        yield Finding(
            layout.bare(layout.CHECKPOINTS),
            Fixity.UNVERIFIABLE,
            f"Aucun scellement horodaté du {since:%Y-%m-%d à %H:%M} au {until:%Y-%m-%d à %H:%M} UTC, alors que le "
            "journal avançait : il a disparu, ou l’horodatage ne répondait pas.",
        )


def unstamped(
    moments: list[tuple[int, datetime]], stamped: list[tuple[int, datetime]]
) -> Iterator[tuple[datetime, datetime]]:
    """Return each time in which the journal grew for hours without the stamp that was due.

    A stamp is due with the first entry a day after the one before, and is there minutes later. One
    entry alone shows nothing: the service may have been stopped before it could publish.

    Args:
        moments: Number and time of entries, an hour apart at most while the journal grows.
        stamped: Size and time of each time-stamped checkpoint, in order.
    """
    begins: list[tuple[int, datetime | None]] = [(0, None), *stamped]
    for (size, at), after in zip(begins, [*stamped, None], strict=True):
        due = [when for n, when in moments if n >= size and (at is None or when >= at + _DUE)]
        late = [when for when in due if when >= due[0] + _PATIENCE and (after is None or when < after[1] - HOUR)]
        if late:
            yield due[0], late[-1]


# -- the register


def _check_register(root: Path, log: Log) -> Iterator[Finding]:
    """Check that each file of the register is claimed by an entry, and each claim has its file."""
    files = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / layout.bare(layout.REGISTER)).rglob("*"))
        if path.is_file()
    }
    owners = {_owner(name): log.claims[digest].tenant for name, digest in files.items() if digest in log.claims}
    missing = {digest: claim for digest, claim in log.claims.items() if digest not in files.values()}
    changed = 0
    for name, digest in files.items():
        if digest in log.claims:
            continue
        key = layout.register_key(name)
        if key is None:
            yield Finding(name, Fixity.ALTERED, "Ce fichier n’est pas du registre.")
            continue
        owner = owners.get(key.tenant)
        free = set(owners.values())
        other = [
            one
            for one, claim in missing.items()
            if claim.what == key.announced and (claim.tenant == owner if owner else claim.tenant not in free)
        ]
        for one in other:
            del missing[one]
        changed += bool(other)
        if other:
            yield Finding(name, Fixity.ALTERED, "Le journal annonce d’autres octets sous ce nom.")
        else:
            yield Finding(name, Fixity.UNVERIFIABLE, "Aucune ligne du journal publié n’annonce ce fichier (encore).")
    latest = log.moments[-1][1] if log.moments else None
    for claim in sorted(missing.values(), key=lambda claim: claim.what):
        fresh = latest is not None and latest - claim.at < HOUR and not claim.what.isdigit()
        verdict = Fixity.UNVERIFIABLE if fresh else Fixity.MISSING  # a hold reaches the store a minute later
        yield Finding(f"{layout.REGISTER}… {claim.what}", verdict, "Le journal l’annonce, le registre ne l’a pas.")
    if files and not missing and not changed:
        said = f"{len(log.claims)} fichiers annoncés par le journal, tous là."
        yield Finding(layout.bare(layout.REGISTER), Fixity.INTACT, said)


def _owner(name: str) -> str:
    key = layout.register_key(name)
    return key.tenant if key is not None else ""


def _present(root: Path, *keys: str) -> Path | None:
    return next((root / key for key in keys if (root / key).is_file()), None)


# -- the records


def _check_records(root: Path, log: Log | None) -> Iterator[Finding]:
    ended = log.gone | log.ending if log is not None else set()
    missing = set(log.stated) - ended if log is not None else set()
    for declaration in sorted(root.glob(layout.RECORD_GLOB)):
        folder = declaration.parent
        name = str(folder.relative_to(root))
        if (subject := _subject(name)) in ended:
            yield _still_there(name, gone=log is not None and subject in log.gone)
            continue
        try:
            record_id, verdict, detail = _check_object(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if _is_begun(name, log):
                yield Finding(name, Fixity.UNVERIFIABLE, "Rangement commencé, que le journal n’annonce pas.")
            else:
                verdict = _unread(error)
                if verdict is Fixity.UNVERIFIABLE:
                    missing.discard(_subject(name) or "")  # it may well be there
                yield Finding(name, verdict, f"Le document ne se lit pas : {error}.")
            continue
        missing.discard(f"record:{record_id}")
        if verdict is Fixity.INTACT:
            verdict, detail = _as_stated(folder, record_id, log)
        yield Finding(record_id, verdict, detail)
    for subject in sorted(missing):
        yield Finding(subject.removeprefix("record:"), Fixity.MISSING, "Le journal l’annonce, le magasin ne l’a pas.")


def _still_there(name: str, *, gone: bool) -> Finding:
    if gone:
        return Finding(name, Fixity.ALTERED, "Le journal dit ce document détruit, et il est encore là.")
    return Finding(name, Fixity.UNVERIFIABLE, "Destruction décidée au journal, pas encore achevée ici.")


def _is_begun(name: str, log: Log | None) -> bool:
    """Whether a record without its heads is none that the journal states."""
    subject = _subject(name)
    return log is not None and subject is not None and subject not in log.stated


def _subject(name: str) -> str | None:
    """Return the journal's subject of a record, from the name of its folder."""
    found = layout.record_key(f"{name}/{ocfl.INVENTORY}")
    return None if found is None else f"record:{found.folder.record_id}"


def _check_object(folder: Path) -> tuple[str, Fixity, str]:
    inventory = (folder / ocfl.INVENTORY).read_bytes()
    facts = json.loads(inventory)
    record_id = ocfl.record_of(str(facts["id"]))
    if (folder / ocfl.SIDECAR).read_bytes() not in _sidecars(folder, inventory):
        return record_id, Fixity.ALTERED, "L’inventaire ne correspond pas à son empreinte."
    for digest, paths in facts["manifest"].items():
        for path in paths:
            if not (folder / path).is_file():
                return record_id, Fixity.MISSING, f"{path} n’est plus là."
            if _sha512(folder / path) != digest:
                return record_id, Fixity.ALTERED, f"{path} n’est plus ce qu’il était."
    return record_id, Fixity.INTACT, ""


def _as_stated(folder: Path, record_id: str, log: Log | None) -> tuple[Fixity, str]:
    stated = log.stated.get(f"record:{record_id}") if log is not None else None
    if stated is None:
        return Fixity.UNVERIFIABLE, "Entier, mais le journal publié n’en parle pas (encore)."
    head = (folder / ocfl.INVENTORY).read_bytes()
    if ocfl.sha512(head) == stated["inventory"]:
        return Fixity.INTACT, "Chaque fichier est celui que dit le journal."
    if any(_only_adds(one, head) for one in _inventories(folder) if ocfl.sha512(one) == stated["inventory"]):
        return Fixity.INTACT, "Entier ; une version de plus n’est pas, ou pas encore, au journal publié."
    return Fixity.ALTERED, "L’inventaire n’est pas celui que dit le journal."


def _sidecars(folder: Path, inventory: bytes) -> set[bytes]:
    """Return the right sidecars: a change that was begun writes its own before its inventory."""
    later = (one for one in _inventories(folder) if follows(inventory, one))
    return {ocfl.sidecar(inventory), *(ocfl.sidecar(one) for one in later)}


def _inventories(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob(f"v*/{ocfl.INVENTORY}")]


def _only_adds(in_force: bytes, head: bytes) -> bool:
    """Whether a head has every version and every file of the inventory that the journal states."""
    old, new = json.loads(in_force)["manifest"], json.loads(head)["manifest"]
    return follows(in_force, head) and all(set(paths) <= set(new.get(one, ())) for one, paths in old.items())


def _sha512(path: Path) -> str:
    digest = hashlib.sha512()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _gone(name: str) -> Finding:
    return Finding(name, Fixity.MISSING, "Ce fichier du journal n’est plus là.")


def _fixity(verdict: Verdict, reason: str) -> Fixity:
    """Convert a verdict to fixity: a doubtful chain is unverifiable, any other fault altered."""
    if verdict is Verdict.VALID:
        return Fixity.INTACT
    return Fixity.UNVERIFIABLE if reason in _CHAIN_DOUBTS else Fixity.ALTERED
