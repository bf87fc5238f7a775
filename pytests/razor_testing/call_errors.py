"""How a call fails, as exceptions: each says whether its request ran."""

from typing import Any

from razor_testing import message_formats, wire

NOT_RUN, MAY_HAVE_RUN, HAS_RUN = "no", "maybe", "yes"


class CallError(Exception):
    """The framework's failure. `code` is what razor's own peers call it: "unreachable", "connection_lost", "draining" …

    `ran`: whether the request ran: "no", "maybe", "yes". `detail`: a sentence for a person, or empty.
    """

    is_of_application = False

    def __init__(self, code: str, ran: str, detail: str = ""):
        super().__init__(f"{code} (ran: {ran}){': ' if detail else ''}{detail}")
        self.code = code
        self.ran = ran
        self.detail = detail


class ApplicationError(CallError):
    """The handler's own error: a number, or bytes. It ran."""

    is_of_application = True

    def __init__(self, number: int | None, data: bytes | None, format_number: int = message_formats.MSGPACK):
        super().__init__("application_error", HAS_RUN, str(number) if data is None else repr(data[:200]))
        self.number = number  # as an unsigned one of 32 bits
        self.data = data
        self._format = format_number

    @property
    def signed(self) -> int:
        """The number of a method whose error is signed."""
        assert self.number is not None, self
        return self.number - (1 << 32) if self.number >> 31 else self.number

    @property
    def text(self) -> str:
        """Of a method whose error is a text."""
        assert self.data is not None, self
        return self.data.decode(errors="surrogateescape")

    @property
    def value(self) -> Any:
        """Of a method whose error is any other type. Raises message_formats.CannotDecode."""
        assert self.data is not None, self
        return message_formats.decoded(self.data, self._format)


def error_of(response: wire.Response, format_number: int) -> CallError | None:
    """What a response says; None for a success."""
    if response.flag == wire.SUCCESS:
        return None
    if response.flag == wire.ERROR_NUMBER:
        return ApplicationError(response.number, None)
    code = wire.FRAMEWORK_ERRORS.get(response.blob.decode(errors="replace"))
    if code is None:
        return ApplicationError(None, response.blob, format_number)
    ran, detail = MAY_HAVE_RUN, ""
    if response.msg:
        ran, detail = _detail(response.msg)
    return CallError(code, ran, detail)


def _detail(message: bytes) -> tuple[str, str]:
    """No handler can send one, so it can be relied on; what is not of its form says nothing."""
    try:
        said = message_formats.decoded(message, message_formats.MSGPACK)
    except message_formats.CannotDecode:
        said = None
    match said:
        case [0 | 1 | 2, str(text)] if type(said[0]) is int:
            return (NOT_RUN, MAY_HAVE_RUN, HAS_RUN)[said[0]], text
    return MAY_HAVE_RUN, ""
