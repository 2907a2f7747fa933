"""Whether a ZIP is a DOCX that is safe to read, told from its directory and the beginnings of its parts."""

from __future__ import annotations

import re

from calotype.documents.docx_package import MAIN_PART, Package, is_xml, opened_package
from calotype.domain.errors import UndecodableDocument, Unsupported

_TYPES = "[Content_Types].xml"
_TYPES_SIZE = 1024 * 1024
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_MACROS = re.compile(rb"macroEnabled|vbaProject", re.IGNORECASE)


def check_docx(path: str) -> None:
    """Look at a file that begins as a ZIP, at the cost of a few milliseconds.

    Raises Unsupported when it is no DOCX: another ZIP, another format of Office, one with macros, one with a password.
    Raises UndecodableDocument when its container is broken or made to exhaust whoever reads it.
    """
    _refuse_container(path)
    with opened_package(path) as package:
        _check_kind(package)
        for name in package.parts:
            if is_xml(name):
                package.check_xml(name)


def _refuse_container(path: str) -> None:
    """Office puts a document with a password into a container of another kind."""
    with open(path, "rb") as file:  # noqa: PTH123 - a path of our own
        head = file.read(len(_OLE))
    if head == _OLE:
        raise Unsupported("The document is protected by a password, or is of an old format of Office")
    if not head.startswith(b"PK"):
        raise UndecodableDocument("The DOCX is damaged: it does not begin as a ZIP")


def _check_kind(package: Package) -> None:
    if MAIN_PART not in package.parts or _TYPES not in package.parts:
        raise Unsupported("The file is a ZIP but no Word document")
    types = package.read(_TYPES, _TYPES_SIZE)
    if _MACROS.search(types) or any(name.lower().endswith("vbaproject.bin") for name in package.parts):
        raise Unsupported("Word documents with macros (.docm) are not accepted; they can be saved as .docx")
