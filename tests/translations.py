"""Gather every French sentence that people see, and compile the English catalogue.

``python -m tests.translations`` adds what is new to ``api/http/locale/en`` (untranslated), drops
what is gone, and compiles. What the catalogue does not know is shown in French.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment
from jinja2.ext import extract_from_ast

from api.version import VERSION
from archive.journal.types import EntryType
from archive.model.final_actions import FinalAction
from search.questions import NOT_UNDERSTOOD

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "api" / "web"
FOLDER = ROOT / "api" / "http" / "locale" / "en" / "LC_MESSAGES"
PO, MO = FOLDER / "chartrier.po", FOLDER / "chartrier.mo"

Message = str | tuple[str, str]

_ERRORS = {"Refused", "Unavailable", "Unreadable", "Corrupt", "ChartrierError"}
_SENTENCES = {
    "Detail",
    "Remark",
    "problem",
    "StageFailure",
    "FormField",
    "_refused",
    "bad_field",
    "bad_hold",
    "bad_sample",
    "bad_disposal",
    "_given_twice",
    "_wrong",
    "wrong_line",
    "_not_expected",
    "_closed",
    "check_day",
    "bad_node",
    "bad_rule",
    "bad_service",
    "bad_agreement",
    "_unreadable",
    "_bad_file",
    "_bad_closing",
    "_bad_event",
    "_bad_redaction",
    "bad_access",
    "bad_stocktaking",
    "unreadable",
    "found_ko",
    "found_warning",
    "_ko",
    "_of_profile",
    "ToolFailed",
    "Step",
    "StageSpec",
    "_Delay",
    "Reason",
    "Words",
    "Start",
    "sent_type",
}
_VOCABULARIES = {"event"}
"""Arguments that hold the words of a standard, not of ours."""
_SHOWN_OF_A_FIELD = {"label", "short", "hint"}
"""Arguments of a description field that pages show."""
_TRANSLATED = {"_", "say", "translate", "said"}
_TABLES = (
    "signing/ground/machine.py",
    "api/views/headline.py",
    "api/views/hold.py",
    "api/views/journal_of_today.py",
    "api/views/receipt_check.py",
    "api/views/verification.py",
    "api/http/errors.py",
    "api/views/history.py",
    "api/operations/health.py",
    "api/web/due_words.py",
    "archive/disposition/disposals/scans.py",
    "archive/evidence/bundle.py",
    "archive/objects/challenges.py",
)
_SENTENCE_NAMES = {"UNTIL_IN_DOUBT", "UNREAD", "VALID_THEN"}
"""Names of single sentences in the modules above."""
_NOT_TEXT = re.compile(
    r"[a-z0-9_./:+-]*|[A-Z0-9]{2,5}|#.*|/.*|header:.*|[^\w]*|(Idempotency-Key|Repr-Digest|[A-Z][a-z]+[A-Z][A-Za-z]+)|[\x00-\x60{}]*"
)
"""Codes, icons, addresses and format names: never shown as they stand."""
_WORDS = {"fait", "arrêté", "intact", "altéré", "manquant", "obligatoire"}


def messages() -> set[Message]:
    """Every sentence of the product that a page or an answer may show."""
    found = set(page_messages())
    for package in ("signing", "archive", "search", "ingestion", "api"):
        for module in sorted((ROOT / package).rglob("*.py")):
            found.update(_of_module(module))
    found.update(text for one in EntryType for text in one.sentence.all)
    return _without_plural_parts(found)


def page_messages() -> set[Message]:
    """Those of the pages alone."""
    found: set[Message] = set()
    environment = Environment()
    for template in sorted((WEB / "templates").glob("*.html")):
        tree = environment.parse(template.read_text(encoding="utf-8"))
        for _, name, message in extract_from_ast(tree, gettext_functions=("_", "n_")):
            if isinstance(message, tuple):
                texts = [text for text in message if isinstance(text, str)]
                found.add((texts[0], texts[1]) if name == "n_" else texts[0])
            elif message:
                found.add(message)
    told = ("archive/model/description_fields.py", "archive/retention/access.py")
    for module in (*sorted(WEB.rglob("*.py")), *(ROOT / name for name in told)):
        found.update(_of_module(module))
    found.update(action.label for action in FinalAction)
    return _without_plural_parts(found)


def _without_plural_parts(found: set[Message]) -> set[Message]:
    parts = {text for message in found if isinstance(message, tuple) for text in message}
    return {message for message in found if message not in parts}


def _of_module(path: Path) -> Iterator[Message]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = str(path.relative_to(ROOT))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node)
    if (name.startswith("api/web/") and path.stem not in {"quantities", "assets"}) or name in _TABLES:
        for statement in tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Dict | ast.Tuple):
                tables = statement.value.values if isinstance(statement.value, ast.Dict) else statement.value.elts
                for value in tables:
                    yield from _texts(value)
            elif isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) in _SENTENCE_NAMES:
                yield from _texts(statement.value or statement.target)
    if name == "api/operations/health.py":
        for node in ast.walk(tree):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                yield from _texts(node.value)


def _of_call(node: ast.Call) -> Iterator[Message]:
    function = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if function == "ngettext" and len(node.args) >= 2:
        one, many = (_literal(argument) for argument in node.args[:2])
        if one and many:
            yield (one, many)
    elif function in _TRANSLATED and node.args:
        text = _literal(node.args[0])
        yield from [text] if text else _texts(node.args[0])
    elif function == "bad_query" and (reason := _literal(node.args[0])):
        yield NOT_UNDERSTOOD + reason
    elif function == "DescriptionField":
        for keyword in node.keywords:
            if keyword.arg in _SHOWN_OF_A_FIELD:
                yield from _texts(keyword.value)
    elif function in _ERRORS | _SENTENCES:
        spoken = (keyword.value for keyword in node.keywords if keyword.arg not in _VOCABULARIES)
        for argument in (*node.args, *spoken):
            yield from _texts(argument)


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Tuple | ast.List):
        for item in node.elts:
            yield from _texts(item)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    else:
        text = _literal(node)
        if text and (not _NOT_TEXT.fullmatch(text) or text in _WORDS):
            yield text


def load() -> Catalog:
    """The catalogue as it is written."""
    if not PO.exists():
        return Catalog(locale="en", domain="chartrier", fuzzy=False)
    with PO.open("rb") as source:
        return read_po(source, locale="en", domain="chartrier")


def brought_up(known: Catalog) -> Catalog:
    """The same translations over today's sentences."""
    fresh = Catalog(
        locale="en",
        domain="chartrier",
        project="Chartrier",
        version=".".join(VERSION.split(".")[:2]),
        copyright_holder="",
        fuzzy=False,
        creation_date=known.creation_date,
        revision_date=known.revision_date,
        last_translator="",
        language_team="",
        header_comment="# English catalogue of Chartrier; the message ids are the French sentences.",
    )
    for message in sorted(messages(), key=str):
        former = known.get(message[0] if isinstance(message, tuple) else message)
        translation = (
            former.string
            if former is not None and former.id == message
            else ("", "")
            if isinstance(message, tuple)
            else ""
        )
        fresh.add(message, translation)
    return fresh


def compiled(catalogue: Catalog) -> bytes:
    """The bytes of the ``.mo`` file."""
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """Sentences without English."""
    return [str(m.id) for m in catalogue if m.id and not (all(m.string) if isinstance(m.string, tuple) else m.string)]


def main() -> int:
    """Bring the catalogue up to date; 1 if something lacks English."""
    catalogue = brought_up(load())
    FOLDER.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as target:
        write_po(target, catalogue, width=100, omit_header=False, sort_output=True)
    MO.write_bytes(compiled(catalogue))
    missing = untranslated(catalogue)
    print(f"{len(catalogue)} sentences, {len(missing)} without English")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
