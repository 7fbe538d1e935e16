"""The bytes of a request that has arrived: of a type that we read, bounded, unpacked when they come compressed."""

from __future__ import annotations

import zlib

from flask import Request
from werkzeug.datastructures import MultiDict

from cds_service.errors import BodyTooLarge, HookRequestError, ServiceError, WrongMediaType
from cds_service.front import REFUSAL, SMALL_BODY

JSON_TYPES = ("application/json", "application/fhir+json")
GZIP = 16 + zlib.MAX_WBITS  # zlib's own number for "a gzip header and trailer"


def read(request: Request, limit: int) -> bytes:
    """The JSON text of a request, at most `limit` bytes before and after unpacking. Raises ServiceError."""
    _check_type(request)
    packed = _packing(request)
    announced = request.content_length
    _check_arrived(request, limit)
    # One read of the raw input. Flask's own limit reads in 64 KiB pieces and costs as much as the whole evaluation.
    body: bytes = request.environ["wsgi.input"].read(limit + 1 if announced is None else announced)
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return _unpack(body, limit) if packed else body


def form(request: Request, limit: int = SMALL_BODY) -> MultiDict[str, str]:
    """The fields of a form, or of a FHIR search, that was posted. Raises ServiceError; files are not taken."""
    if request.mimetype not in ("application/x-www-form-urlencoded", ""):
        raise WrongMediaType("Content-Type must be application/x-www-form-urlencoded.")
    _check_arrived(request, limit)
    request.max_form_memory_size = limit
    return request.form


def _check_arrived(request: Request, limit: int) -> None:
    """Raises what the front door found wrong with the body, after the caller and the type were checked."""
    refusal: ServiceError | None = request.environ.get(REFUSAL)
    if refusal is not None:
        raise refusal
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(limit)


def _check_type(request: Request) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in JSON_TYPES or charset not in ("utf-8", "utf8"):
        raise WrongMediaType("Content-Type must be application/json or application/fhir+json, in UTF-8.")


def _packing(request: Request) -> bool:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip"):
        raise WrongMediaType("Content-Encoding must be gzip, or absent.")
    return encoding == "gzip"


def _unpack(packed: bytes, limit: int) -> bytes:
    """Stops one byte after the limit, however much a small body would unfold to."""
    unpacker = zlib.decompressobj(GZIP)
    try:
        body = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise HookRequestError("", "The body is not gzip, although Content-Encoding says so.") from error
    if len(body) > limit:
        raise BodyTooLarge(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise HookRequestError("", "The gzip body is cut short, or something follows it.")
    return body
