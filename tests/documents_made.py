"""Documents made for tests: PDFs written by hand, DOCX by python-docx or part by part."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib

import docx
from PIL import Image, ImageDraw

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_DOCUMENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def pdf_of(objects, root=1, trailer=b""):
    """A PDF of these objects (bodies in bytes, numbered from 1) with a table of references."""
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(
        b"trailer\n<< /Size %d /Root %d 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, trailer, start)
    )
    return out.getvalue()


def stream(data, extra=b"", compress=True):
    """A stream object."""
    if compress:
        data, extra = zlib.compress(data), extra + b" /Filter /FlateDecode"
    return b"<< /Length %d %s >> stream\n%s\nendstream" % (len(data), extra, data)


def lines_of(lines, size=11, left=72, top=770, leading=1.25):
    """The commands that write lines of text (in Windows-1252) below each other."""
    out = [b"BT /F1 %g Tf %g TL %g %g Td" % (size, size * leading, left, top)]
    for line in lines:
        text = line.encode("windows-1252")
        out.append(b"(" + text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") + b") Tj T*")
    return b"\n".join([*out, b"ET"])


def text_pdf(pages, *, rotate=0, outline=(), info=None, language=None, media=(595, 842), font=None, **looks):
    """A PDF of text: `pages` are lists of lines, or commands in bytes; `outline` holds (title, level, page from 1)."""
    info = {} if info is None else info
    objects = [b"", b"", font or b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"]
    kids = []
    for page in pages:
        commands = page if isinstance(page, bytes) else lines_of(page, **looks)
        objects.append(stream(commands))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Rotate %d /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (*media, rotate, len(objects))
        )
        kids.append(len(objects))
    first = len(objects) + 2
    entries = outline_objects(outline, kids, first - 1)
    objects.extend(entries)
    catalog = b"/Type /Catalog /Pages 2 0 R"
    if entries:
        catalog += b" /Outlines %d 0 R" % (first - 1)
    if language:
        catalog += b" /Lang (%s)" % language.encode()
    objects[0] = b"<< %s >>" % catalog
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    trailer = b""
    if info:
        objects.append(
            b"<< %s >>" % b" ".join(b"/%s (%s)" % (k.encode(), v.encode("latin-1")) for k, v in info.items())
        )
        trailer = b"/Info %d 0 R" % len(objects)
    return pdf_of(objects, trailer=trailer)


def outline_objects(outline, pages, root):
    """The objects of an outline, of which the first has the number `root`."""
    if not outline:
        return []
    numbers = [root + 1 + index for index in range(len(outline))]
    bodies = [b""]
    top = [at for at, (_, level, _) in enumerate(outline) if level == 1]
    bodies[0] = b"<< /Type /Outlines /First %d 0 R /Last %d 0 R >>" % (numbers[top[0]], numbers[top[-1]])
    for at, (title, level, page) in enumerate(outline):
        after = next((i for i in range(at + 1, len(outline)) if outline[i][1] <= level), None)
        inner = [i for i in range(at + 1, after or len(outline)) if outline[i][1] == level + 1]
        parts = [b"/Title <%s>" % (b"\xfe\xff" + title.encode("utf-16-be")).hex().encode()]
        parts.append(b"/Parent %d 0 R /Dest [%d 0 R /Fit]" % (root, pages[page - 1]))
        if after is not None and outline[after][1] == level:
            parts.append(b"/Next %d 0 R" % numbers[after])
        if inner:
            parts.append(b"/First %d 0 R /Last %d 0 R /Count %d" % (numbers[inner[0]], numbers[inner[-1]], len(inner)))
        bodies.append(b"<< %s >>" % b" ".join(parts))
    return bodies


def scanned_pdf(texts=("SCANNED LETTER",), size=(620, 877)):
    """A PDF whose pages are pictures of text."""
    objects = [b"", b""]
    kids = []
    for text in texts:
        picture = Image.new("L", size, 255)
        ImageDraw.Draw(picture).text((60, 80), text, fill=0, font_size=40)
        jpeg = io.BytesIO()
        picture.save(jpeg, "JPEG", quality=80)
        kind = (
            b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 " % size
        )
        objects.append(stream(jpeg.getvalue(), kind + b"/Filter /DCTDecode", compress=False))
        objects.append(stream(b"q 595 0 0 842 0 0 cm /I Do Q"))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /XObject << /I %d 0 R >> >> >>" % (len(objects), len(objects) - 1)
        )
        kids.append(len(objects))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    return pdf_of(objects)


def encrypted_pdf(user_password=b"secret", text="Nobody reads this"):
    """A PDF encrypted with RC4 of 40 bits (ISO 32000, 7.6); with an empty password everybody may open it."""
    owner = rc4(hashlib.md5(padded(b"owner")).digest()[:5], padded(user_password))
    name = hashlib.md5(b"calotype").digest()
    rights = 0xFFFFFFFC.to_bytes(4, "little")
    key = hashlib.md5(padded(user_password) + owner + rights + name).digest()[:5]
    user = rc4(key, _PADDING)
    resources = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    content = rc4(hashlib.md5(key + (4).to_bytes(3, "little") + b"\0\0").digest()[:10], lines_of([text]))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources %s >>" % resources,
        b"<< /Length %d >> stream\n%s\nendstream" % (len(content), content),
        b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >>" % (owner.hex().encode(), user.hex().encode()),
    ]
    identity = name.hex().encode()
    return pdf_of(objects, trailer=b"/Encrypt 5 0 R /ID [<%s> <%s>]" % (identity, identity))


def padded(password):
    """A password as PDF fills it up to 32 bytes."""
    return (password + _PADDING)[:32]


def rc4(key, data):
    """RC4, which is its own inverse."""
    box = list(range(256))
    at = 0
    for i in range(256):
        at = (at + box[i] + key[i % len(key)]) % 256
        box[i], box[at] = box[at], box[i]
    out = bytearray()
    i = at = 0
    for byte in data:
        i = (i + 1) % 256
        at = (at + box[i]) % 256
        box[i], box[at] = box[at], box[i]
        out.append(byte ^ box[(box[i] + box[at]) % 256])
    return bytes(out)


def prose(page, lines=42, words=12):
    """Lines of made words that fill a page, the same for the same number."""
    syllables = [
        "ka",
        "lo",
        "ty",
        "pe",
        "men",
        "dar",
        "vis",
        "on",
        "tra",
        "lin",
        "go",
        "sur",
        "bel",
        "mon",
        "ter",
        "ni",
    ]
    state = page + 1
    made = []
    for _ in range(lines):
        line = []
        for _ in range(words):
            state = (state * 1103515245 + 12345) % 2**31
            line.append("".join(syllables[(state >> shift) % 16] for shift in (8, 14, 20)[: 1 + (state >> 4) % 3]))
        made.append(" ".join(line))
    return [f"Page {page + 1} of the made book", *made]


def made_docx(build=lambda document: None, **core):
    """A DOCX that `build` fills through python-docx."""
    document = docx.Document()
    build(document)
    for name, value in core.items():
        setattr(document.core_properties, name, value)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def bare_docx(
    body="", *, parts=None, types=_DOCUMENT_TYPE, main="word/document.xml", prolog="", method=zipfile.ZIP_DEFLATED
):
    """A DOCX of as few parts as there can be, with the body as XML; `parts` are added or replace others."""
    document = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    made = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/word/document.xml" ContentType="{types}"/></Types>',
        main: '<?xml version="1.0" encoding="UTF-8"?>' + prolog + document,
        **(parts or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in made.items():
            archive.writestr(name, data)
    return out.getvalue()


def paragraph(text, style=None, extra=""):
    """A paragraph of a DOCX as XML; `extra` goes into its properties."""
    kind = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f'<w:p><w:pPr>{kind}{extra}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
