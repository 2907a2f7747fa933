"""Documents for uploads, written byte by byte or with python-docx: good ones, locked ones, broken ones, and bombs."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib

_STYLES = {1: "Heading 1", 2: "Heading 2"}
_NS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_CONTENT_TYPES = (
    b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    b'<Override PartName="/word/document.xml" ContentType='
    b'"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    b'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    b'<Relationship Id="rId1" Target="word/document.xml" Type='
    b'"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)


def pdf(*pages, trailer="", size=(400, 500)):
    """A PDF with one page for each text, which is shown line by line in Helvetica; `trailer` is added to its trailer."""
    width, height = size
    kids = " ".join(f"{4 + 2 * place} 0 R" for place in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for place, text in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {5 + 2 * place} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in text.splitlines())
        content = f"BT /F1 14 Tf 18 TL 40 {height - 60} Td\n{shown}ET".encode("cp1252")
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    return _numbered(objects, trailer)


def _escaped(line):
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _numbered(objects, trailer):
    """Objects as a file: each with its number, and where each begins."""
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    # Nothing is a duplicate of another file unless it is meant to be.
    identity = os.urandom(16).hex()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /ID [<{identity}> <{identity}>] {trailer} >>\n".encode()
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def locked_pdf():
    """A PDF that opens with a password only: no password gives these keys."""
    keys = f"/O <{os.urandom(32).hex()}> /U <{os.urandom(32).hex()}>"
    return pdf("nobody reads this", trailer=f"/Encrypt << /Filter /Standard /V 1 /R 2 {keys} /P -64 >>")


def damaged_pdf():
    """What begins like a PDF and goes on with noise."""
    return b"%PDF-1.4\n" + os.urandom(3000)


def scanned_pdf(*words):
    """A PDF of pictures, each with a word on it, and without a letter of text."""
    from PIL import Image, ImageDraw

    pages = []
    for word in words:
        page = Image.new("L", (850, 600), 255)
        ImageDraw.Draw(page).text((100, 220), word, fill=0, font_size=90)
        pages.append(page)
    stream = io.BytesIO()
    pages[0].save(stream, "PDF", save_all=True, append_images=pages[1:], resolution=100)
    return stream.getvalue()


def docx(*parts, **properties):
    """A DOCX of parts: text is a paragraph, (level, text) a heading, a list of lists a table of such cells."""
    import docx as library

    document = library.Document()
    for part in parts:
        if isinstance(part, str):
            document.add_paragraph(part)
        elif isinstance(part, tuple):
            document.add_paragraph(part[1], style=_STYLES[part[0]])
        else:
            table = document.add_table(len(part), len(part[0]))
            for row, cells in zip(table.rows, part, strict=True):
                for cell, value in zip(row.cells, cells, strict=True):
                    cell.text = value
    for name, value in properties.items():
        setattr(document.core_properties, name, value)
    document.core_properties.comments = os.urandom(8).hex()
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def package(body, *, head=b"", extra=(), names=("word/document.xml",)):
    """A ZIP written by hand that calls itself a DOCX: `body` is XML within the document's body, `head` stands before its root."""
    document = b'%s<w:document xmlns:w="%s"><w:body>%s</w:body></w:document>' % (head, _NS.encode(), body)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        for name in names:
            archive.writestr(name, document)
        for name, data in extra:
            archive.writestr(name, data)
        archive.writestr("docProps/unique.txt", os.urandom(8).hex())
    return stream.getvalue()


def paragraph(text):
    """A paragraph of a DOCX as XML."""
    return b"<w:p><w:r><w:t>%s</w:t></w:r></w:p>" % text


def swollen_docx(megabytes=300):
    """A DOCX of some hundred kilobytes whose document is as many megabytes of blanks."""
    blanks, squeeze = b" " * 1_000_000, zlib.compressobj(9, zlib.DEFLATED, -15)
    # Pressed once and repeated, because pressing all of it takes seconds.
    first = squeeze.compress(blanks) + squeeze.flush(zlib.Z_FULL_FLUSH)
    again = squeeze.compress(blanks) + squeeze.flush(zlib.Z_FULL_FLUSH)
    pressed = first + again * (megabytes - 1) + squeeze.flush()
    return _claiming(package(b"", names=()), "word/document.xml", pressed, megabytes * 1_000_000)


def _claiming(archive, name, pressed, size):
    """An archive with an entry more: deflated data, and the size it claims to unfold to."""
    stream = io.BytesIO(archive)
    with zipfile.ZipFile(stream, "a") as made:
        made.writestr(name, pressed)
        place, directory = made.getinfo(name).header_offset, made.start_dir
    data = bytearray(stream.getvalue())
    central = data.index(name.encode(), directory) - 46
    for start, method, sizes in ((place, 8, 22), (central, 10, 24)):
        struct.pack_into("<H", data, start + method, zipfile.ZIP_DEFLATED)
        struct.pack_into("<I", data, start + sizes, size)
    return bytes(data)


def laughing_docx(encoding="utf-8"):
    """A DOCX whose document defines entities that grow a billionfold."""
    grown = "".join(f'<!ENTITY l{one} "{f"&l{one - 1};" * 10}">' for one in range(1, 10))
    head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE d [<!ENTITY l0 "lol">{grown}]>'
    if encoding == "utf-8":
        return package(paragraph(b"&l9;"), head=head.encode())
    body = f'{head}<w:document xmlns:w="{_NS}"><w:body>{paragraph(b"&l9;").decode()}</w:body></w:document>'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        archive.writestr("word/document.xml", body.encode(encoding))
    return stream.getvalue()


def curious_docx(address):
    """A DOCX whose document wants to have another file read into it."""
    head = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "%s">]>' % address.encode()
    return package(paragraph(b"&x;"), head=head)


def crowded_docx(entries=20_000):
    """A DOCX with very many parts."""
    return package(paragraph(b"x"), extra=[(f"custom/{number}", b"") for number in range(entries)])


def archive(*names):
    """A ZIP of small files that is no DOCX."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            made.writestr(name, os.urandom(8).hex())
    return stream.getvalue()


def note(text="a note"):
    """Plain text that nobody has uploaded before."""
    return f"{text}\n\n{os.urandom(8).hex()}\n".encode()


KINDS = {
    "pdf": lambda: pdf("A page of text"),
    "docx": lambda: docx("A paragraph of text"),
    "txt": note,
    "md": lambda: note("# A heading\n\ntext"),
}
"""A small document of each kind."""
