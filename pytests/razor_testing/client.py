"""Client and AsyncClient: peers of any razor service, written from protocol.md alone.

    with Client("127.0.0.1:8082") as client:
        assert client.call("CalculatorService.add", 1, 2, timeout=1) == 3

Many threads, or tasks, may call at the same time over the one connection, which is made at the first call, and made anew at
the next call after it was lost. Nothing is sent twice.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

from razor_testing import limits, message_formats, wire
from razor_testing.address import UNIX_PREFIX
from razor_testing.call_errors import HAS_RUN, MAY_HAVE_RUN, NOT_RUN, ApplicationError, CallError, error_of
from razor_testing.frames import BadFrame, ResponseParser
from razor_testing.loop_thread import LoopThread
from razor_testing.message_formats import JSON, MSGPACK

__all__ = ["JSON", "MSGPACK", "ApplicationError", "AsyncClient", "CallError", "Client", "ClientConfig", "Reply"]

READ_BYTES = 1 << 16
Result = TypeVar("Result")


@dataclass(frozen=True)
class ClientConfig:
    """All times are in seconds."""

    call_timeout: float = 10.0  # of a call that is given none; connecting included
    message_format: int = MSGPACK  # or JSON
    # While responses are owed, and nothing has come for so long, the server is asked for a sign of life. None: never.
    ping_interval: float | None = limits.PING_INTERVAL
    # The connection is given up when nothing comes for so long behind that. None: calls end by their deadlines.
    ping_timeout: float | None = limits.PING_TIMEOUT
    # Lets the server know that this peer understands details of failures, with a ping in front of the first request.
    wants_details: bool = True
    client_id: int = 0


@dataclass(frozen=True)
class Reply:
    """What a call returns, with its blob."""

    value: Any
    blob: bytes = b""


class _Connection:
    """One connection: its reader completes the futures of calls."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, config: ClientConfig):
        self._reader = reader
        self._writer = writer
        self._config = config
        self._last_seq = 0
        self._owed: dict[int, asyncio.Future[wire.Response]] = {}
        self._pings: set[int] = set()
        self._received_at = time.monotonic()
        self.ended: CallError | None = None
        self.late_responses = 0
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read())]
        if config.ping_interval is not None:
            self._tasks.append(loop.create_task(self._watch(config.ping_interval)))
        if config.wants_details:
            self._post(wire.Request(0, format_bits=wire.PROMPT_PING_FORMAT))

    async def exchange(self, request: wire.Request) -> wire.Response:
        """Numbers the request, and waits for its response."""
        if self.ended is not None:
            raise CallError(self.ended.code, NOT_RUN, self.ended.detail)
        seq, response = self._post(request)
        try:
            await self._writer.drain()
            return await response
        except ConnectionError:
            return await response  # the reader says why
        finally:
            self._owed.pop(seq, None)

    def _post(self, request: wire.Request) -> tuple[int, asyncio.Future[wire.Response]]:
        if not self._owed:
            self._received_at = time.monotonic()  # silence counts from here
        self._last_seq += 1
        seq = self._last_seq
        frame = replace(request, seq=seq, client_id=self._config.client_id).encoded()
        response: asyncio.Future[wire.Response] = asyncio.get_running_loop().create_future()
        # Nobody may wait for it: then its failure is nothing to report.
        response.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._owed[seq] = response
        if request.is_ping:
            self._pings.add(seq)
        self._writer.write(frame)
        return seq, response

    async def _read(self) -> None:
        parser = ResponseParser()
        try:
            while data := await self._reader.read(READ_BYTES):
                self._received_at = time.monotonic()
                for response in parser.feed(data):
                    self._take(response)
            self._end("connection_lost", "the server closed the connection")
        except BadFrame as bad:
            self._end("bad_frame", str(bad))
        except OSError as lost:
            self._end("connection_lost", str(lost))

    def _take(self, response: wire.Response) -> None:
        if response.seq > self._last_seq:
            raise BadFrame(f"a response to seq {response.seq}, which was never sent")
        owed = self._owed.pop(response.seq, None)
        self._pings.discard(response.seq)
        if owed is not None and not owed.done():
            owed.set_result(response)
        elif response.seq != 0:
            self.late_responses += 1

    async def _watch(self, interval: float) -> None:
        timeout = self._config.ping_timeout
        while True:
            silent_at = self._received_at + interval
            await asyncio.sleep(max(silent_at - time.monotonic(), 0.01) if self._owed else interval / 4)
            if not self._owed or time.monotonic() < self._received_at + interval:
                continue
            asked = time.monotonic()
            seq, _ = self._post(wire.Request(0, format_bits=wire.PROMPT_PING_FORMAT))
            await asyncio.sleep(interval if timeout is None else timeout)
            self._owed.pop(seq, None)
            if timeout is not None and self._received_at < asked:
                self._end("connection_lost", f"nothing came for {timeout} s behind a ping")
                return

    def _end(self, code: str, detail: str) -> None:
        if self.ended is None:
            self.ended = CallError(code, MAY_HAVE_RUN, detail)
            for owed in self._owed.values():
                if not owed.done():
                    owed.set_exception(CallError(code, MAY_HAVE_RUN, detail))
            self._owed.clear()
        self._writer.transport.abort()

    async def close(self, timeout: float) -> None:
        """Lets calls end for so long, then fails them."""
        pending = [owed for seq, owed in self._owed.items() if seq not in self._pings and not owed.done()]
        if pending and timeout > 0:
            await asyncio.wait(pending, timeout=timeout)
        if self.ended is None and not self._owed.keys() - self._pings:
            self._writer.close()  # all calls were answered: the server sees an end, not a reset
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        self._end("connection_lost", "the client was closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class AsyncClient:
    """For one asyncio loop, that of its first call. Methods raise CallError, or of it ApplicationError.

    Cancel: a cancelled call is forgotten here; the server may still run it.
    """

    def __init__(self, address: str, config: ClientConfig = ClientConfig()):
        self.address = address
        self.config = config
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(self, method: str, *arguments: Any, timeout: float | None = None, blob: bytes = b"") -> Any:
        """`Service.method`, and its result. `timeout` is in seconds, connecting included."""
        return (await self.call_with_blob(method, *arguments, timeout=timeout, blob=blob)).value

    async def call_with_blob(self, method: str, *arguments: Any, timeout: float | None = None, blob: bytes = b"") -> Reply:
        """As `call`, for a result that comes with a blob."""
        message = None if not arguments else arguments[0] if len(arguments) == 1 else list(arguments)
        return await self._exchange(method, message, blob, timeout)

    async def action(self, number: int, message: Any = None, *, blob: bytes = b"", timeout: float | None = None) -> Reply:
        """An action that has a number instead of a name."""
        if not 1 <= number < wire.NAME_BIT:
            raise ValueError(f"an action's number is from 1 to 2^31 - 1, not {number}")
        return await self._exchange(number, message, blob, timeout)

    async def ping(self, *, is_prompt: bool = True, timeout: float | None = None) -> float:
        """Seconds until the pong. It overtakes responses if it is prompt, else it comes after those of all calls before."""
        begun = time.monotonic()
        await self._send(wire.Request(0, format_bits=wire.PROMPT_PING_FORMAT if is_prompt else 0), timeout)
        return time.monotonic() - begun

    async def close(self, timeout: float = limits.CLOSE_LIMIT) -> None:
        """Calls under way may end for `timeout` seconds, then they fail. New ones fail at once."""
        self._is_closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout)

    async def _exchange(self, action: int | str, message: Any, blob: bytes, timeout: float | None) -> Reply:
        form = self.config.message_format
        try:
            encoded = message_formats.encoded(message, form)
        except message_formats.CannotEncode as wrong:
            raise CallError("encode", NOT_RUN, str(wrong)) from None
        name_bytes = len(action.encode(errors="surrogateescape")) if isinstance(action, str) else 0
        is_too_large = len(encoded) > wire.MSG_BYTES_MAX or len(blob) > wire.BLOB_BYTES_MAX
        if is_too_large or name_bytes > wire.ACTION_BYTES_MAX:
            raise CallError("too_large", NOT_RUN, f"{name_bytes}, {len(encoded)} and {len(blob)} bytes")
        response = await self._send(wire.Request(0, action, encoded, blob, format_bits=form), timeout)
        error = error_of(response, form)
        if error is not None:
            raise error
        if isinstance(action, int) and not response.msg:
            return Reply(None, response.blob)  # a numbered action need not have a message
        try:
            return Reply(message_formats.decoded(response.msg, form), response.blob)
        except message_formats.CannotDecode as wrong:
            raise CallError("decode", HAS_RUN, str(wrong)) from None

    async def _send(self, request: wire.Request, timeout: float | None) -> wire.Response:
        seconds = self.config.call_timeout if timeout is None else timeout
        sent = False
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connected()
                sent = True
                return await connection.exchange(request)
        except TimeoutError:
            code, ran = ("deadline_exceeded", MAY_HAVE_RUN) if sent else ("unreachable", NOT_RUN)
            raise CallError(code, ran, f"no response within {seconds} s") from None

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._is_closed:
                raise CallError("connection_lost", NOT_RUN, "the client was closed")
            if self._connection is not None and self._connection.ended is not None:
                await self._connection.close(0)
                self._connection = None
            if self._connection is None:
                try:
                    self._connection = _Connection(*await _open(self.address), self.config)
                except OSError as refused:
                    raise CallError("unreachable", NOT_RUN, f"connect {self.address}: {refused}") from None
            return self._connection


async def _open(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.startswith(UNIX_PREFIX):
        return await asyncio.open_unix_connection(address.removeprefix(UNIX_PREFIX))
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


class Client:
    """For threads: any number may call at the same time, and each waits for its result. As AsyncClient in all else."""

    def __init__(self, address: str, config: ClientConfig = ClientConfig()):
        self.address = address
        self._thread = LoopThread(f"client of {address}")
        self._client = AsyncClient(address, config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def call(self, method: str, *arguments: Any, timeout: float | None = None, blob: bytes = b"") -> Any:
        """As AsyncClient.call."""
        return self._run(self._client.call(method, *arguments, timeout=timeout, blob=blob))

    def call_with_blob(self, method: str, *arguments: Any, timeout: float | None = None, blob: bytes = b"") -> Reply:
        """As AsyncClient.call_with_blob."""
        return self._run(self._client.call_with_blob(method, *arguments, timeout=timeout, blob=blob))

    def action(self, number: int, message: Any = None, *, blob: bytes = b"", timeout: float | None = None) -> Reply:
        """As AsyncClient.action."""
        return self._run(self._client.action(number, message, blob=blob, timeout=timeout))

    def ping(self, *, is_prompt: bool = True, timeout: float | None = None) -> float:
        """As AsyncClient.ping."""
        return self._run(self._client.ping(is_prompt=is_prompt, timeout=timeout))

    def close(self, timeout: float = limits.CLOSE_LIMIT) -> None:
        """As AsyncClient.close; a second one does nothing."""
        if not self._thread.is_closed:
            self._thread.run(self._client.close(timeout))
            self._thread.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._thread.is_closed:
            work.close()
            raise CallError("connection_lost", NOT_RUN, "the client was closed")
        return self._thread.run(work)
