"""What messages are written in: msgpack, or JSON in the form of lib/razor/json/json_format.h (bytes and text only).

A text that is not UTF-8, which the protocol allows, is a `str` with surrogate escapes.
"""

import base64
import json
from typing import Any

import msgpack

MSGPACK, JSON = 0, 1
LEVELS_MAX = 64


class CannotDecode(Exception):
    """Bytes that are not one value of their format."""


class CannotEncode(Exception):
    """A value that the format has no form for."""


def format_of(format_bits: int) -> int:
    """The number of a request's format: where bit 7 is set it is msgpack."""
    return MSGPACK if format_bits & 0x80 else format_bits & 0x3F


def encoded(value: Any, format_number: int) -> bytes:
    """Raises CannotEncode."""
    try:
        _check_levels(value, LEVELS_MAX)
        if format_number == MSGPACK:
            return bytes(msgpack.packb(value, unicode_errors="surrogateescape"))
        return json.dumps(_to_json(value), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, OverflowError, msgpack.PackException) as wrong:
        raise CannotEncode(str(wrong)) from None


def decoded(message: bytes, format_number: int) -> Any:
    """Raises CannotDecode."""
    try:
        if format_number == MSGPACK:
            value = msgpack.unpackb(message, strict_map_key=False, unicode_errors="surrogateescape")
        else:
            value = _from_json(json.loads(message)) if message.strip() else None
        _check_levels(value, LEVELS_MAX)
        return value
    except (TypeError, ValueError, OverflowError, RecursionError, msgpack.UnpackException) as wrong:
        raise CannotDecode(f"{type(wrong).__name__}: {wrong}") from None


def _check_levels(value: Any, levels: int) -> None:
    if isinstance(value, list | tuple | dict):
        if levels == 0:
            raise ValueError(f"nested deeper than {LEVELS_MAX} levels")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_levels(inner, levels - 1)


def _to_json(value: Any) -> Any:
    match value:
        case bytes() | bytearray():
            return {"$bin": base64.b64encode(value).decode()}
        case str() if not _is_unicode(value):
            return {"$text": base64.b64encode(value.encode(errors="surrogateescape")).decode()}
        case list() | tuple():
            return [_to_json(one) for one in value]
        case dict():
            return {name: _to_json(one) for name, one in value.items()}
    return value


def _from_json(value: Any) -> Any:
    match value:
        case {"$bin": str(text)} if len(value) == 1:
            return base64.b64decode(text, validate=True)
        case {"$text": str(text)} if len(value) == 1:
            return base64.b64decode(text, validate=True).decode(errors="surrogateescape")
        case list():
            return [_from_json(one) for one in value]
        case dict():
            return {name: _from_json(one) for name, one in value.items()}
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
