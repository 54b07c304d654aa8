"""Reads multipart/form-data (RFC 7578): every part is returned, and what cannot be read is an error, never an absence.

The web framework's own reader tells files from fields by the presence of a file name, drops a form that it cannot
parse, and keeps the first of two parts with one name. Here a part's *name* says what it is, because a browser adds a
file name to every Blob and other clients leave it out of their files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Protocol

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from contracts.errors import InvalidRequest

MAX_PARTS = 20
TEXT_BYTES = 128 * 1024
"""A part that is text: 16 texts of 512 characters take up to 98 KiB in JSON, each character as two escapes."""

PARSER_BYTES = 1024 * 1024
"""What the parser may hold in memory: a part's header, and what it has not handed on yet."""

IN_MEMORY_BYTES = 512 * 1024
"""A larger file waits on disk for its last byte: a thousand slow clients would fill the memory otherwise."""

READ_BYTES = 64 * 1024

CHARSETS = frozenset({"utf-8", "us-ascii", "iso-8859-1"})
PLAIN = frozenset({"", "7bit", "8bit", "binary"})


class UnreadableForm(InvalidRequest):
    """The body is not the form that the request's Content-Type announces."""


class FormRequest(Protocol):
    """What is read of a request."""

    @property
    def stream(self) -> IO[bytes]:
        """Raises RequestEntityTooLarge and ClientDisconnected when it is read."""

    @property
    def mimetype_params(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class Part:
    """``file_name`` is None where the part has none."""

    name: str
    file_name: str | None
    charset: str
    content: IO[bytes]

    def read(self) -> bytes:
        return self.content.read()

    def text(self) -> str:
        """Return the part as text. Raises InvalidRequest."""
        if self.charset not in CHARSETS:
            raise InvalidRequest(f"The field '{self.name[:64]}' is in the charset {self.charset[:64]!r}. Send UTF-8.")
        try:
            return self.read().decode("utf-8-sig" if self.charset == "utf-8" else self.charset)
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"The field '{self.name[:64]}' is not UTF-8 text.") from error


class Form:
    """The parts of a form by their names. A context manager, which closes them."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = {part.name: part for part in parts}
        self._files = ExitStack()
        for part in self._parts.values():
            self._files.enter_context(part.content)

    def __enter__(self) -> Form:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def file(self, name: str) -> Part | None:
        return self._parts.get(name)

    def texts(self, *, without: str) -> dict[str, str]:
        """Return every part except ``without`` as text. Raises InvalidRequest."""
        return {name: part.text() for name, part in self._parts.items() if name != without}


def read_form(request: FormRequest, file: str, fields: Iterable[str], *, strict: bool = True) -> Form:
    """Read a form of one ``file`` and of text ``fields``, each at most once.

    A part of another name is refused if ``strict``, else skipped. Raises InvalidRequest (UnreadableForm is one),
    RequestEntityTooLarge for too many parts or too long a field, and as reading the stream does.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise UnreadableForm(
            "The header Content-Type names no boundary between the form's parts. Let your HTTP library write it."
        )
    known = {file, *fields}
    parts: dict[str, Part] = {}
    try:
        for part in _parts(request.stream, boundary.encode(), file, known, strict=strict):
            if part.name in parts:
                part.content.close()
                raise InvalidRequest(f"The part '{part.name}' came twice. Send it once.")
            parts[part.name] = part
    except ValueError as error:
        _close(parts.values())
        raise UnreadableForm(
            "The body is not the multipart/form-data that Content-Type announces: it is cut off, its boundary is "
            "another one, or a part has no readable Content-Disposition."
        ) from error
    except BaseException:
        _close(parts.values())
        raise
    return Form(parts.values())


def _close(parts: Iterable[Part]) -> None:
    for part in parts:
        part.content.close()


def _parts(stream: IO[bytes], boundary: bytes, file: str, known: set[str], *, strict: bool) -> Iterator[Part]:
    """Yield the parts as they end. Raises ValueError for what is no form."""
    part: Part | None = None
    left = 0
    try:
        for event in _events(stream, boundary):
            if isinstance(event, Field | File):
                part, left = None, PARSER_BYTES
                if event.name in known:
                    part = _begin(event)
                    left = TEXT_BYTES if event.name != file else -1
                elif strict:
                    raise InvalidRequest(_unknown(event.name, known))
            elif isinstance(event, Data) and part is not None:
                if left >= 0 and part.content.tell() + len(event.data) > left:
                    raise RequestEntityTooLarge
                part.content.write(event.data)
                if not event.more_data:
                    part.content.seek(0)
                    whole, part = part, None
                    yield whole
    finally:
        if part is not None:
            part.content.close()


def _events(stream: IO[bytes], boundary: bytes) -> Iterator[object]:
    decoder = _Decoder(boundary, max_form_memory_size=PARSER_BYTES, max_parts=MAX_PARTS)
    ended = False
    while not ended:
        data = stream.read(READ_BYTES)
        ended = not data
        decoder.receive_data(data or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            yield event
            if isinstance(event, Epilogue):
                while stream.read(READ_BYTES):  # to the end, so that the whole body has arrived
                    pass
                return


def _begin(event: Field | File) -> Part:
    coding = event.headers.get("content-transfer-encoding", "").strip().lower()
    if coding not in PLAIN:
        raise InvalidRequest(
            f"The part '{event.name}' is in the Content-Transfer-Encoding {coding[:64]!r}. Send its bytes as they are "
            "(RFC 7578, section 4.7)."
        )
    charset = parse_options_header(event.headers.get("content-type"))[1].get("charset", "utf-8").lower()
    aliases = {"utf8": "utf-8", "ascii": "us-ascii", "latin1": "iso-8859-1"}
    return Part(
        name=event.name,
        file_name=event.filename if isinstance(event, File) else None,
        charset=aliases.get(charset, charset),
        content=tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES),
    )


def _unknown(name: str | None, known: set[str]) -> str:
    if not name:
        return "A part of the form has no name. Name each in its Content-Disposition."
    return f"There is no field '{name[:64]}' here. There are: {', '.join(sorted(known))}."


class _Decoder(MultipartDecoder):
    """Werkzeug's, for part headers that are not UTF-8, too: old clients write file names in Latin-1."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        try:
            return super()._parse_headers(data)
        except UnicodeDecodeError:
            return super()._parse_headers(data.decode("latin-1").encode())
