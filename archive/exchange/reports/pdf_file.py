"""PDF file: objects written in order, and what makes it PDF/A-2b: metadata, colours, identity.

Nothing but what the caller gives goes into it: no clock, no chance, no name of a machine.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

_COLOURS: Final = Path(__file__).with_name("fonts") / "sRGB.icc"
_PRODUCER: Final = "Chartrier"


class PdfFile:
    """PDF file that is written from its first byte to its last.

    Args:
        out: Where to; only ``write`` is used.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self._offsets: list[int] = []
        self.size = 0
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def _write(self, content: bytes) -> None:
        self._out.write(content)
        self._digest.update(content)
        self.size += len(content)

    def reserve(self) -> int:
        """Return the number of an object that is written later."""
        self._offsets.append(0)
        return len(self._offsets)

    def add(self, content: str | bytes, number: int | None = None) -> int:
        """Write an object; return its number."""
        number = self.reserve() if number is None else number
        self._offsets[number - 1] = self.size
        body = content.encode("latin-1") if isinstance(content, str) else content
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        return number

    def stream(self, content: bytes, facts: str = "", *, packed: bool = True) -> int:
        """Write a stream; return its number.

        Args:
            facts: More entries of its dictionary.
            packed: False for what any program must be able to read as it lies: the metadata.
        """
        if packed:
            content, facts = zlib.compress(content, 6), f"/Filter/FlateDecode{facts}"
        head = f"<</Length {len(content)}{facts}>>\nstream\n".encode("latin-1")
        return self.add(head + content + b"\nendstream")

    def close(self, root: int, info: int) -> str:
        """Write the table of objects and the trailer; return the SHA-256 of the file."""
        identity, start = self._digest.hexdigest()[:32], self.size
        rows = "".join(f"{offset:010d} 00000 n \n" for offset in self._offsets)
        count = len(self._offsets) + 1
        self._write(f"xref\n0 {count}\n0000000000 65535 f \n{rows}".encode())
        trailer = f"<</Size {count}/Root {root} 0 R/Info {info} 0 R/ID[<{identity}><{identity}>]>>"
        self._write(f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode())
        return self._digest.hexdigest()


def text_string(text: str) -> str:
    """Return a text as a PDF writes it outside of pages."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def ascii_string(text: str) -> str:
    """Return an address as a PDF writes it: in ASCII, other characters encoded as in an address."""
    return "(" + quote(text, safe="/:?&=%#+,;@!$'*~-._").replace("\\", "%5C") + ")"


def references(numbers: Sequence[int]) -> str:
    """Return an array of references."""
    return "[" + " ".join(f"{number} 0 R" for number in numbers) + "]"


def add_information(file: PdfFile, title: str, author: str, at: datetime) -> int:
    """Write what old readers show of a document; the metadata says the same."""
    moment = at.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ")
    told = f"/Title {text_string(title)}/Author {text_string(author)}/Creator({_PRODUCER})/Producer({_PRODUCER})"
    return file.add(f"<<{told}/CreationDate({moment})/ModDate({moment})>>")


def add_metadata(file: PdfFile, title: str, author: str, at: datetime, language: str) -> int:
    """Write the XMP metadata by which the file says that it is PDF/A-2b."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    packet = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" \
xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{escape(author)}</rdf:li></rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>{escape(language)}</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>{_PRODUCER}</xmp:CreatorTool><pdf:Producer>{_PRODUCER}</pdf:Producer>
<xmp:CreateDate>{moment}</xmp:CreateDate><xmp:ModifyDate>{moment}</xmp:ModifyDate>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
    return file.stream(packet.encode(), "/Type/Metadata/Subtype/XML", packed=False)


def add_colours(file: PdfFile) -> int:
    """Write the output intent: our colours are those of sRGB."""
    profile = file.stream(_COLOURS.read_bytes(), "/N 3")
    named = "/OutputConditionIdentifier(sRGB)/Info(sRGB IEC61966-2.1)"
    return file.add(f"<</Type/OutputIntent/S/GTS_PDFA1{named}/DestOutputProfile {profile} 0 R>>")
