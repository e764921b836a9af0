"""Build and parse every path of the store (docs/formats.md, 1 and 2). Pure.

No other module writes a store path or cuts one. A parser answers None for a path that is not one of
ours; what it does take apart, ``.key`` (or ``.path``) builds again byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from archive.objects import ocfl

LAYOUT_JSON: Final = "layout.json"
TENANTS: Final = "tenants/"
REGISTER: Final = "register/"
JOURNAL: Final = "journal/"
STAGING: Final = "staging/"
PROBES: Final = "probe/"
EVIDENCE: Final = (LAYOUT_JSON, REGISTER, JOURNAL)
"""What the store holds beside records: copied, reconciled and locked as a whole.

``layout.json`` is locked last.
"""

PROBE: Final = f"{PROBES}lock"
"""One key: each probe adds a version and sweeps those whose lock has ended."""

TENANT_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_PART: Final = re.compile(r"[A-Za-z0-9_=%.\-]{1,200}")
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_COUNT: Final = r"[1-9][0-9]{0,17}"


def parts_of(key: str) -> list[str]:
    """The parts of a key, each safe as the name of a file.

    Raises:
        ValueError: If no key of ours is spelled like that.
    """
    parts = key.split("/")
    if not all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts):
        raise ValueError(f"not a key of the store: {key!r}")
    return parts


def folder_and_name(path: str) -> tuple[str, str]:
    """The folder of a path, without a slash at its end, and the name in it."""
    folder, _, name = path.rpartition("/")
    return folder, name


def bare(prefix: str) -> str:
    """The name of a folder, as findings show it: without the slash at its end."""
    return prefix.rstrip("/")


# -- tenants/<tenant>/: an OCFL storage root each

_TENANT: Final = re.compile(r"(?:tenants|staging)/([^/]*).*", re.DOTALL)


def root_files(tenant: str) -> dict[str, bytes]:
    """The few files that make a tenant's folder an OCFL storage root, by key."""
    return {f"{TENANTS}{tenant}/{name}": document for name, document in ocfl.root_documents().items()}


def tenant_of(key: str) -> str | None:
    """The tenant in whose folder something lies, below ``tenants/`` or ``staging/``."""
    match = _TENANT.fullmatch(key)
    return match[1] if match else None


# -- tenants/<tenant>/<3>/<3>/<3>/urn%3auuid%3a<record>/: an OCFL object each

_ENCODED: Final = "urn%3auuid%3a"
_RECORD: Final = re.compile(
    rf"(?P<root>{TENANTS}(?P<tenant>[^/]*)/(?:[^/]*/){{3}}{_ENCODED}(?P<record>[^/]*))/(?P<path>.*)", re.DOTALL
)
RECORD_GLOB: Final = f"{TENANTS}*/???/???/???/*/{ocfl.DECLARATION}"
"""Declarations of all records, for whoever has the store as a folder."""


@dataclass(frozen=True, order=True)
class RecordFolder:
    """The folder of a record.

    Attributes:
        root: Its path without a slash at the end; folders sort as a store lists them.
    """

    root: str
    tenant: str
    record_id: str

    @property
    def prefix(self) -> str:
        """What each of its keys begins with."""
        return f"{self.root}/"

    @property
    def inventory(self) -> str:
        """Key of the root inventory."""
        return self.key(ocfl.INVENTORY)

    @property
    def sidecar(self) -> str:
        """Key of the digest beside the root inventory."""
        return self.key(ocfl.SIDECAR)

    def key(self, path: str) -> str:
        """Key of a file, from its path in the folder."""
        return f"{self.root}/{path}"

    def path(self, key: str) -> str:
        """Path of a key in the folder; a key that lies elsewhere stays whole."""
        return key.removeprefix(self.prefix)

    def is_in_version(self, number: int, key: str) -> bool:
        """Whether a key lies in the folder of a version."""
        return key.startswith(self.key(f"v{number}/"))


@dataclass(frozen=True)
class RecordKey:
    """One object of a record; ``path`` is what ``ocfl.object_path`` takes apart."""

    folder: RecordFolder
    path: str

    @property
    def key(self) -> str:
        """The key again."""
        return self.folder.key(self.path)


def record_folder(tenant: str, record_id: str) -> RecordFolder:
    """The folder of a record: three times three digits of a SHA-512, then its identifier."""
    digest = ocfl.sha512(ocfl.object_id(record_id).encode())
    root = f"{TENANTS}{tenant}/{digest[0:3]}/{digest[3:6]}/{digest[6:9]}/{_ENCODED}{record_id}"
    return RecordFolder(root, tenant, record_id)


def record_key(key: str) -> RecordKey | None:
    """What a key below ``tenants/`` says; None for what lies in no record's folder.

    A folder under wrong digits is one too: whoever reconciles must see what lies in it.
    """
    match = _RECORD.fullmatch(key)
    if match is None:
        return None
    return RecordKey(RecordFolder(match["root"], match["tenant"], match["record"]), match["path"])


# -- staging/<tenant>/<deposit>/

_STAGED: Final = re.compile(rf"{STAGING}([^/]*)/([^/]*)/(.*)", re.DOTALL)
_BYTES: Final = "bytes"
_STATEMENT: Final = "deposit.json"


@dataclass(frozen=True, order=True)
class DepositFolder:
    """Where the bytes of a deposit wait."""

    tenant: str
    deposit: str

    @property
    def root(self) -> str:
        """Its path without a slash at the end."""
        return f"{STAGING}{self.tenant}/{self.deposit}"

    @property
    def content(self) -> str:
        """Key of the received bytes."""
        return f"{self.root}/{_BYTES}"

    @property
    def statement(self) -> str:
        """Key of what was said of them."""
        return f"{self.root}/{_STATEMENT}"

    def step(self, stage: str, sha256: str) -> str:
        """Key of what a stage made at a cost."""
        return f"{self.root}/steps/{stage}/{sha256}"


@dataclass(frozen=True)
class StagingKey:
    """One object of a deposit that waits."""

    folder: DepositFolder
    name: str

    @property
    def key(self) -> str:
        """The key again."""
        return f"{self.folder.root}/{self.name}"

    @property
    def is_acknowledged(self) -> bool:
        """Whether a receipt vouches for it: bytes and statement, not what stages made of them."""
        return self.name in {_BYTES, _STATEMENT}


def staging_key(key: str) -> StagingKey | None:
    """What a key below ``staging/`` says; None for what lies in no deposit's folder."""
    match = _STAGED.fullmatch(key)
    return StagingKey(DepositFolder(match[1], match[2]), match[3]) if match else None


# -- journal/: a C2SP tiled log

TILES: Final = f"{JOURNAL}tile/"
CHECKPOINT: Final = f"{JOURNAL}checkpoint"
CHECKPOINTS: Final = f"{JOURNAL}checkpoints/"
FIRST_VOUCHER: Final = f"{JOURNAL}log-key.p7s"
VOUCHER_GLOB: Final = f"{JOURNAL}log-key-*.p7s"
TILE_WIDTH: Final = 256
"""Hashes of a full tile, entries of a full bundle; fewer make a partial one."""
ENTRIES: Final = "entries"
"""The row of the bundles; the rows of tiles are levels."""
_TILE: Final = re.compile(
    rf"{TILES}(?P<row>{ENTRIES}|0|{_COUNT})/(?P<index>(?:x[0-9]{{3}}/){{0,5}}[0-9]{{3}})(?:\.p/(?P<width>[0-9]{{1,3}}))?"
)
_STAMPED: Final = re.compile(rf"{CHECKPOINTS}(?P<size>0|{_COUNT})(?P<token>\.tsr)?")
_VOUCHER: Final = re.compile(rf"{JOURNAL}log-key-(?P<certificate>[0-9a-f]{{64}})\.p7s")


@dataclass(frozen=True)
class TileKey:
    """A tile of hashes, or a bundle of entries.

    Attributes:
        row: ``entries``, or the level of a tile.
        index: Its place in the row.
        width: How many hashes or entries it holds.
    """

    row: str
    index: int
    width: int = TILE_WIDTH

    @property
    def is_full(self) -> bool:
        """Whether it is there for good: a full one takes the place of partial ones."""
        return self.width == TILE_WIDTH

    @property
    def key(self) -> str:
        """The key again; its index in groups of three digits, all but the last after an ``x``."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        return f"{TILES}{self.row}/{path}" + ("" if self.is_full else f".p/{self.width}")


@dataclass(frozen=True)
class StampedKey:
    """A checkpoint that was time-stamped, or the token over it."""

    size: int
    token: bool = False

    @property
    def key(self) -> str:
        """The key again."""
        return f"{CHECKPOINTS}{self.size}" + (".tsr" if self.token else "")


@dataclass(frozen=True)
class VoucherKey:
    """What a seal says of the log's key.

    Attributes:
        certificate: SHA-256 of the seal's certificate (DER); None: the first seal, whose voucher
            names none.
    """

    certificate: str | None = None

    @property
    def key(self) -> str:
        """The key again."""
        return FIRST_VOUCHER if self.certificate is None else f"{JOURNAL}log-key-{self.certificate}.p7s"


@dataclass(frozen=True)
class CheckpointKey:
    """The latest checkpoint: the one key of the journal that is written again and again."""

    key: str = CHECKPOINT


JournalKey = TileKey | StampedKey | VoucherKey | CheckpointKey


def journal_key(key: str) -> JournalKey | None:
    """What a key below ``journal/`` says."""
    found: JournalKey | None = None
    if match := _TILE.fullmatch(key):
        index = int(match["index"].replace("x", "").replace("/", ""))
        found = TileKey(match["row"], index, int(match["width"] or TILE_WIDTH))
        found = found if 0 < found.width <= TILE_WIDTH else None
    elif match := _STAMPED.fullmatch(key):
        found = StampedKey(int(match["size"]), match["token"] is not None)
    elif match := _VOUCHER.fullmatch(key):
        found = VoucherKey(match["certificate"])
    elif key in {CHECKPOINT, FIRST_VOUCHER}:
        found = CheckpointKey() if key == CHECKPOINT else VoucherKey()
    return found if found is not None and found.key == key else None  # spelled as we spell it


def below_journal(key: str) -> str:
    """The path of a key in the log's folder, as C2SP names it."""
    return key.removeprefix(JOURNAL)


def is_kept_for_ever(key: str) -> bool:
    """Whether an object outside the tenants is locked for good: not heads, nor partial tiles."""
    if key == LAYOUT_JSON or key.startswith(REGISTER):
        return True
    return key.startswith(JOURNAL) and key != CHECKPOINT and ".p/" not in key


# -- register/<tenant>/

_FILE: Final = re.compile(rf"{REGISTER}({TENANT_NAME.pattern})/([0-9]{{6}})\.json")
_HOLD: Final = re.compile(rf"{REGISTER}({TENANT_NAME.pattern})/holds/({_UUID})/(placed|released)\.json")


@dataclass(frozen=True)
class RegisterKey:
    """A file of a tenant's register; numbers are padded, so that a listing is in their order."""

    tenant: str
    number: int

    @property
    def key(self) -> str:
        """The key again."""
        return f"{register_folder(self.tenant)}{self.number:06d}.json"


@dataclass(frozen=True)
class HoldKey:
    """A statement about a hold."""

    tenant: str
    hold: str
    what: str

    @property
    def key(self) -> str:
        """The key again."""
        return f"{register_folder(self.tenant)}holds/{self.hold}/{self.what}.json"


def register_folder(tenant: str) -> str:
    """What each key of a tenant's register begins with."""
    return f"{REGISTER}{tenant}/"


def register_key(key: str) -> RegisterKey | HoldKey | None:
    """What a key below ``register/`` says."""
    if match := _FILE.fullmatch(key):
        return RegisterKey(match[1], int(match[2]))
    match = _HOLD.fullmatch(key)
    return HoldKey(match[1], match[2], match[3]) if match else None


def evidence_key(key: str) -> JournalKey | RegisterKey | HoldKey | None:
    """What a key below one of the folders of ``EVIDENCE`` says."""
    return journal_key(key) or register_key(key)
