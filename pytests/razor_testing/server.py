"""Server and AsyncServer: a razor service in Python, written from protocol.md alone.

    with Server({"CalculatorService.add": lambda a, b: a + b}) as server:
        ...  # calls go to server.address

A handler of a method takes its parameters, one of an action's number the message and the blob. It returns a value, or a
Reply with a blob, or raises Fail (its own error), Refuse (one of the framework) or BadArguments.
"""

import asyncio
import contextlib
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from razor_testing import limits, message_formats, wire
from razor_testing.address import listen as listen_at
from razor_testing.call_errors import HAS_RUN, MAY_HAVE_RUN, NOT_RUN
from razor_testing.client import READ_BYTES, Reply
from razor_testing.frames import BadFrame, Refused, RequestParser
from razor_testing.loop_thread import LoopThread

__all__ = ["AsyncServer", "BadArguments", "Fail", "Handler", "Handlers", "Refuse", "Reply", "Server"]

Handler = Callable[..., Any]
# Handlers by names of methods and numbers of actions. Type checkers see functions of different parameters in one dict as
# nothing that can be called, so it is not said more exactly.
Handlers = Mapping[Any, Any]

THREADS = 32
BACKLOG = 1024
DETAIL_TEXT_MAX = 1024
_RAN_NUMBERS = {NOT_RUN: 0, MAY_HAVE_RUN: 1, HAS_RUN: 2}


class Fail(Exception):
    """The handler's own error: None for a Unit, an int for a number, str or bytes for a text; else `value` is any type."""

    def __init__(self, error: int | str | bytes | None = None, *, value: Any = ...):
        super().__init__(f"error {error!r}" if value is ... else f"error {value!r}")
        if isinstance(error, int) and not -(1 << 31) <= error < 1 << 32:
            raise ValueError(f"an error's number has 32 bits, not {error}")
        self.error = error
        self.value = value


class Refuse(Exception):
    """An error of the framework, by its text in protocol.md. `detail` reaches peers that understand it."""

    def __init__(self, text: str, detail: str = "", ran: str = NOT_RUN):
        super().__init__(f"{text}: {detail}")
        if text not in wire.FRAMEWORK_ERRORS:
            raise ValueError(f"{text} is none of {', '.join(wire.FRAMEWORK_ERRORS)}")
        self.text = text
        self.detail = detail
        self.ran = ran


class BadArguments(Refuse):
    """The arguments are not of the types that the handler takes."""

    def __init__(self, detail: str = ""):
        super().__init__("rpc_decode", detail)


@dataclass
class _Turn:
    """The place of a request among those of its connection: the pong of a plain ping waits for all before it."""

    pong: bytes = b""
    is_done: bool = False


class _Connection:
    def __init__(self, server: "AsyncServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._server = server
        self._reader = reader
        self._writer = writer
        self._turns: deque[_Turn] = deque()
        self._room = asyncio.Semaphore(limits.HANDLERS_PER_CONNECTION)
        self._handlers: set[asyncio.Task[None]] = set()
        self._takes_details = False

    async def serve(self) -> None:
        """Until the client has closed, or has broken the protocol. Its handlers are let to their end."""
        parser = RequestParser()
        try:
            while data := await self._reader.read(READ_BYTES):
                for request in parser.feed(data):
                    if isinstance(request, Refused):
                        self._send(self._refusal(request.seq, Refuse(request.error)))
                        await self._linger()
                        return
                    await self._take(request)
                await self._writer.drain()
        except (BadFrame, OSError):
            pass
        finally:
            await self.finish()

    async def finish(self) -> None:
        """Sends what handlers that run have to say, and closes."""
        while self._handlers:
            await asyncio.wait(self._handlers)
        try:
            async with asyncio.timeout(limits.WRITE_STALL):
                await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
        except OSError:  # TimeoutError too
            self._writer.transport.abort()

    async def _linger(self) -> None:
        """Reads on for a while: closing a socket with bytes unread would take the last response back."""
        while self._handlers:
            await asyncio.wait(self._handlers)
        self._writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.LINGER):
                while await self._reader.read(READ_BYTES):
                    pass

    def abort(self) -> None:
        for handler in self._handlers:
            handler.cancel()
        self._writer.transport.abort()

    async def _take(self, request: wire.Request) -> None:
        is_prompt = request.is_ping and request.format_bits == wire.PROMPT_PING_FORMAT
        self._takes_details |= is_prompt or message_formats.format_of(request.format_bits) != message_formats.MSGPACK
        if is_prompt:
            self._send(wire.Response(request.seq).encoded())
        elif request.is_ping:
            self._turns.append(_Turn(wire.Response(request.seq).encoded(), is_done=True))
            self._send_pongs()
        else:
            await self._room.acquire()
            turn = _Turn()
            self._turns.append(turn)
            handler = asyncio.get_running_loop().create_task(self._handle(request, turn))
            self._handlers.add(handler)
            handler.add_done_callback(self._handlers.discard)

    async def _handle(self, request: wire.Request, turn: _Turn) -> None:
        try:
            self._send(await self._answer(request))
            with contextlib.suppress(OSError):
                await self._writer.drain()  # a client that reads nothing keeps its handlers, and then gets no more
        finally:
            turn.is_done = True
            self._send_pongs()
            self._room.release()

    async def _answer(self, request: wire.Request) -> bytes:
        form = message_formats.format_of(request.format_bits)
        try:
            reply = await self._server.reply_to(request, form)
            msg = message_formats.encoded(reply.value, form)
            if len(msg) > wire.MSG_BYTES_MAX or len(reply.blob) > wire.BLOB_BYTES_MAX:
                raise Refuse("rpc_too_large", "the response", HAS_RUN)
            return wire.Response(request.seq, msg=msg, blob=reply.blob).encoded()
        except Refuse as refused:
            return self._refusal(request.seq, refused)
        except Fail as failed:
            return self._failure(request.seq, failed, form)
        except message_formats.CannotEncode as wrong:
            return self._refusal(request.seq, Refuse("rpc_encode", str(wrong), HAS_RUN))
        except Exception as escaped:  # the handler's: its caller is told, and the server goes on
            return self._refusal(request.seq, Refuse("rpc_internal_err", f"{type(escaped).__name__}: {escaped}", HAS_RUN))

    def _failure(self, seq: int, failed: Fail, form: int) -> bytes:
        error = failed.error
        if failed.value is not ...:
            try:
                error = message_formats.encoded(failed.value, form)
            except message_formats.CannotEncode as wrong:
                return self._refusal(seq, Refuse("rpc_encode", str(wrong), HAS_RUN))
        if error is None or isinstance(error, int):
            return wire.Response(seq, wire.ERROR_NUMBER, number=(error or 0) & 0xFFFF_FFFF).encoded()
        data = error.encode(errors="surrogateescape") if isinstance(error, str) else error
        return wire.Response(seq, wire.ERROR_BYTES, blob=data).encoded()

    def _refusal(self, seq: int, refused: Refuse) -> bytes:
        detail = b""
        if self._takes_details and refused.detail:
            text = "".join(one if " " <= one <= "~" else "?" for one in refused.detail[:DETAIL_TEXT_MAX])
            detail = wire.pack([_RAN_NUMBERS[refused.ran], text])
        return wire.Response(seq, wire.ERROR_BYTES, msg=detail, blob=refused.text.encode()).encoded()

    def _send(self, frame: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame)

    def _send_pongs(self) -> None:
        while self._turns and self._turns[0].is_done:
            self._send(self._turns.popleft().pong)


class AsyncServer:
    """Serves `handlers` in the running loop, from `start` to `close`.

    Handlers that are coroutine functions run in the loop; others on `threads` threads, or in the loop where that is 0.
    """

    def __init__(self, handlers: Handlers, listen: str = "127.0.0.1:0", threads: int = 0):
        self.address = listen  # with the port that 0 became, once it has started
        self._handlers: dict[str | int, Handler] = dict(handlers)
        self._services = {name.partition(".")[0] for name in self._handlers if isinstance(name, str)}
        self._parameters = {
            name: _parameter_count(handler) for name, handler in self._handlers.items() if isinstance(name, str)
        }
        self._threads = ThreadPoolExecutor(threads) if threads else None
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._server: asyncio.Server | None = None
        self._is_draining = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Listens when it returns. Raises OSError."""
        listening, self.address = listen_at(self.address, BACKLOG)
        listening.setblocking(False)
        if listening.family.name == "AF_UNIX":
            self._server = await asyncio.start_unix_server(self._accepted, sock=listening, backlog=BACKLOG)
        else:
            self._server = await asyncio.start_server(self._accepted, sock=listening, backlog=BACKLOG)

    async def close(self, timeout: float = limits.CLOSE_LIMIT) -> None:
        """New connections and new requests are refused, handlers may end for `timeout` seconds, then they are cancelled."""
        self._is_draining = True
        if self._server is not None:
            self._server.close()
        give_up = asyncio.get_running_loop().time() + timeout
        while any(connection._handlers for connection in self._connections.values()):
            if asyncio.get_running_loop().time() > give_up:
                break
            await asyncio.sleep(0.005)
        for task, connection in list(self._connections.items()):
            task.cancel()
            if connection._handlers:
                connection.abort()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def reply_to(self, request: wire.Request, form: int) -> Reply:
        """Runs the handler of a request. Raises Refuse, and what the handler raises."""
        if self._is_draining:
            raise Refuse("rpc_draining", "the server closes")
        handler = self._handlers.get(request.action)
        if handler is None:
            raise Refuse(self._why_not_found(request.action), f"nobody handles {request.action!r}")
        if form not in (message_formats.MSGPACK, message_formats.JSON):
            raise BadArguments(f"format {form} is not known")
        try:
            is_empty = isinstance(request.action, int) and not request.msg  # a numbered action need not have a message
            message = None if is_empty else message_formats.decoded(request.msg, form)
        except message_formats.CannotDecode as wrong:
            raise BadArguments(str(wrong)) from None
        if isinstance(request.action, int):
            arguments = [message, request.blob]
        else:
            arguments = _arguments(message, self._parameters[request.action])
        result = await self._called(handler, arguments)
        return result if isinstance(result, Reply) else Reply(result)

    async def _called(self, handler: Handler, arguments: list[Any]) -> Any:
        if inspect.iscoroutinefunction(handler) or self._threads is None:
            result = handler(*arguments)
            return await result if isinstance(result, Awaitable) else result
        return await asyncio.get_running_loop().run_in_executor(self._threads, handler, *arguments)

    def _why_not_found(self, action: int | str) -> str:
        if isinstance(action, int) or "." not in action:
            return "rpc_decode"
        return "rpc_method_notfound" if action.partition(".")[0] in self._services else "rpc_service_notfound"

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = connection
        try:
            await connection.serve()
        except asyncio.CancelledError:  # `close` ends connections so
            connection.abort()
        finally:
            self._connections.pop(task, None)


def _parameter_count(handler: Handler) -> int:
    return len(inspect.signature(handler).parameters)


def _arguments(message: Any, count: int) -> list[Any]:
    """None are nil, one is that value alone, several are an array of them."""
    if count == 1:
        return [message]
    if count == 0:
        if message is not None:
            raise BadArguments("there are no parameters, and the message is not nil")
        return []
    if not isinstance(message, list) or len(message) != count:
        raise BadArguments(f"there are {count} parameters, and the message is no array of as many")
    return message


class Server:
    """For tests without asyncio: serves on threads of its own, from its construction to `close`. Raises OSError."""

    def __init__(self, handlers: Handlers, listen: str = "127.0.0.1:0", threads: int = THREADS):
        self._server = AsyncServer(handlers, listen, threads)
        self._thread = LoopThread("server")
        try:
            self._thread.run(self._server.start())
        except BaseException:
            self._thread.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def address(self) -> str:
        return self._server.address

    def close(self, timeout: float = limits.CLOSE_LIMIT) -> None:
        """As AsyncServer.close; a second one does nothing."""
        if not self._thread.is_closed:
            self._thread.run(self._server.close(timeout))
            self._thread.close()
