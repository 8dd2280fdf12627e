"""The program that opens publishers' PDF files in a process of its own, where they can exhaust nothing but it.

A PDF of one megabyte can make any reader ask for gigabytes (a compressed cross-reference stream), so it is
never opened in the process that holds the archive. Run as a script: it reads one JSON string, a path, a
line and answers one JSON object a line; :mod:`ingest.pdfs` is its only caller. It imports nothing of ours.
"""

from __future__ import annotations

import json
import logging
import re
import resource
import sys
from typing import Any

import pikepdf

_DOI = rb"(10\.\d{4,9}/[^\s<>\"'\\)]+)"
_XMP_DOI = re.compile(rb"(?:prism:doi|pdfx:doi|crossmark:DOI|dc:identifier)(?:\s*=\s*[\"']|[^>]*>)[^<\"']*?" + _DOI)
_INFO_DOI = re.compile(rb"(?:doi:?\s*|doi\.org/|^)" + _DOI, re.IGNORECASE)
_GROWN = 96 << 20
"""A process that holds more after its answer says that it is spent: it would keep it for ever."""
_INFO_KEYS = ("/doi", "/DOI", "/WPS-ARTICLEDOI", "/Subject")


def probe(path: str) -> dict[str, Any]:
    """``{"opens": bool, ...}``: whether qpdf opens the file, with or without repair, and what it then shows."""
    detail = ""
    for repair in (False, True):
        try:
            # As a stream: a file that is mapped counts as memory, and then no large one could be opened.
            as_stream = pikepdf.AccessMode.stream
            with pikepdf.open(path, attempt_recovery=repair, suppress_warnings=True, access_mode=as_stream) as pdf:
                pages = len(pdf.pages)
                return {
                    "opens": pages > 0,
                    "repaired": repair or bool(pdf.get_warnings()),
                    "pages": pages,
                    "encrypted": pdf.is_encrypted,
                    "dois": _dois(pdf),
                    "detail": detail or ("it has no pages" if not pages else ""),
                }
        except pikepdf.PasswordError:
            return {"opens": False, "password": True, "detail": "it opens only with a password"}
        except (pikepdf.PdfError, ValueError, RuntimeError, RecursionError, MemoryError) as error:
            detail = detail or str(error).replace(path, "").strip(" :") or type(error).__name__
    return {"opens": False, "detail": detail}


def _dois(pdf: pikepdf.Pdf) -> list[str]:
    """The DOIs that the document's own metadata (Info dictionary, XMP packet) give it."""
    found: list[bytes] = []
    try:
        for key in _INFO_KEYS:
            value = pdf.docinfo.get(key)
            if isinstance(value, pikepdf.String):
                found += _INFO_DOI.findall(str(value)[:4096].encode())
        packet = pdf.Root.get("/Metadata")
        if isinstance(packet, pikepdf.Stream):
            found += _XMP_DOI.findall(packet.read_bytes()[: 1 << 20])
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, MemoryError):
        return []
    return sorted({doi.decode("utf-8", "replace").rstrip(".,;") for doi in found})


def main() -> None:
    """Answer until the input ends; ``argv[1]`` is how many bytes of memory this process may have."""
    logging.disable(logging.CRITICAL)
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        answer = probe(json.loads(line))
        if _held() > _GROWN:
            answer["spent"] = True
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _held() -> int:
    """Bytes of memory that we hold now; nought where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
