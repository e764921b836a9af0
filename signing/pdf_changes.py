"""Policies of what may change in a PDF file after a signature; read by ``signing.pdf_findings``.

pyHanko's own policy knows signatures, archived data and forms. It does not know annotations, and it
calls a filled field altered where a program also noted when, or how the field looks. What these
policies let pass is never called valid: a reader must know that the document was completed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, RawPdfPath
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    QualifiedWhitelistRule,
    ReferenceUpdate,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.commons import compare_dicts
from pyhanko.sign.diff_analysis.constants import VALUE_UPDATE_KEYS
from pyhanko.sign.diff_analysis.rules_api import RelativeContext

_NAMES: Final = (
    *("Caret", "Circle", "FreeText", "Highlight", "Ink", "Line", "Polygon", "PolyLine"),
    *("Popup", "Square", "Squiggly", "Stamp", "StrikeOut", "Text", "Underline"),
)
_REMARKS: Final = frozenset(f"/{name}" for name in _NAMES)
"""Kinds of annotation by which people remark on a document (ISO 32000-1, 12.5.6.2)."""
_ACTIONS: Final = ("/A", "/AA")
_UPWARDS: Final = frozenset({"/P", "/Parent", "/IRT", "/Popup"})
_LOOKS: Final = frozenset({"/M", "/MK", "/NM", "/BS", "/Q", "/RV", "/DS"})
"""Keys that programs write beside a value: time, name, border and text style of the field."""
_DEEPEST: Final = 20


class AnnotationRule(QualifiedWhitelistRule):
    """Allow new remarks on pages, and nothing else about the pages or earlier annotations."""

    def apply_qualified(
        self, old: HistoricalResolver, new: HistoricalResolver
    ) -> Iterator[tuple[ModificationLevel, ReferenceUpdate]]:
        """Yield what belongs to remarks that a revision adds."""
        for old_page, new_page in zip(_pages(old), _pages(new), strict=False):
            try:
                for update in self._of_page(old, old_page, new_page):
                    yield ModificationLevel.ANNOTATIONS, update
            except (KeyError, TypeError, AttributeError, SuspiciousModification):
                continue  # not explained here: the policy refuses what nobody explains

    def _of_page(self, old: HistoricalResolver, old_ref: Any, new_ref: Any) -> Iterator[ReferenceUpdate]:
        before, after = old_ref.get_object(), new_ref.get_object()
        earlier, later = _annotations(before), _annotations(after)
        added = [ref for ref in later if ref not in earlier]
        if old_ref != new_ref or not added or [ref for ref in later if ref in earlier] != earlier:
            return
        compare_dicts(before, after, frozenset({"/Annots"}))
        remarks = [ref.get_object() for ref in added]
        if any(one.get("/Subtype") not in _REMARKS or any(key in one for key in _ACTIONS) for one in remarks):
            return
        yield ReferenceUpdate(new_ref, context_checked=None)
        place = after.raw_get("/Annots")
        if isinstance(place, generic.IndirectObject):
            context = RelativeContext(old_ref, RawPdfPath("/Annots"))
            yield ReferenceUpdate(place.reference, context_checked=context)
        for ref in added:
            yield from (ReferenceUpdate(found) for found in _made_with(ref, old))


def _pages(resolver: HistoricalResolver) -> list[Any]:
    """Return the references of all pages, in order."""
    found: list[Any] = []

    def walk(ref: Any, depth: int) -> None:
        node = ref.get_object()
        if depth > _DEEPEST or not isinstance(node, generic.DictionaryObject):
            return
        if node.get("/Type") == "/Page":
            found.append(ref)
        for kid in node.get("/Kids", ()) if node.get("/Type") == "/Pages" else ():
            walk(_reference(node, kid), depth + 1)

    root = resolver.root
    walk(root.get_value_as_reference("/Pages"), 0)
    return found


def _reference(node: Any, kid: Any) -> Any:
    kids = node["/Kids"]
    index = next(n for n, one in enumerate(kids) if one is kid)
    return kids.raw_get(index).reference


def _annotations(page: Any) -> list[Any]:
    """Return the references of a page's annotations; a direct one is none of ours."""
    if "/Annots" not in page:
        return []
    array = page["/Annots"]
    return [array.raw_get(n).reference for n in range(len(array))]


def _made_with(ref: Any, old: HistoricalResolver) -> list[Any]:
    """Return an annotation and the objects it consists of, those alone that are new."""
    found: list[Any] = []

    def walk(value: Any, depth: int) -> None:
        if depth > _DEEPEST:
            return
        if isinstance(value, generic.IndirectObject):
            reference = value.reference
            if reference in found or _known(old, reference):
                return
            found.append(reference)
            walk(reference.get_object(), depth + 1)
        elif isinstance(value, generic.DictionaryObject):
            for key in value:
                if key not in _UPWARDS:
                    walk(value.raw_get(key), depth + 1)
        elif isinstance(value, generic.ArrayObject):
            for n in range(len(value)):
                walk(value.raw_get(n), depth + 1)

    first: Any = generic.IndirectObject  # pyHanko is not typed
    walk(first(ref.idnum, ref.generation, ref.pdf), 0)
    return found


def _known(old: HistoricalResolver, ref: Any) -> bool:
    """Whether an object of this number existed before: then it is no part of a new remark."""
    return old.reader.xrefs.get_historical_ref(ref, old.revision) is not None


def _harmless() -> list[Any]:
    level = ModificationLevel.LTA_UPDATES
    catalog: type[Any] = CatalogModificationRule
    rules: tuple[type[Any], ...] = (DocInfoRule, XrefStreamRule, ObjectStreamRule, DSSCompareRule, MetadataUpdateRule)
    return [catalog(), *(rule().as_qualified(level) for rule in rules)]


def _form_rule(*others: Any) -> FormUpdatingRule:
    own: tuple[type[Any], ...] = (SigFieldCreationRule, SigFieldModificationRule)
    return FormUpdatingRule(field_rules=[*(rule() for rule in own), *others])


SIGNATURES_ONLY: Final = StandardDiffPolicy(global_rules=_harmless(), form_rule=_form_rule())
"""pyHanko's own policy, but no field other than a signature may be filled in."""
COMPLETED: Final = StandardDiffPolicy(
    global_rules=[*_harmless(), AnnotationRule()],
    form_rule=_form_rule(GenericFieldModificationRule(value_update_keys=VALUE_UPDATE_KEYS | _LOOKS)),
)
"""The same, and forms may be filled in and remarks be added, as far as the signature allows it."""
