"""RawClient: a client of protocol version 1 that does exactly what a test tells it, right or wrong."""

from razor_testing import address, wire
from razor_testing.raw_socket import RawSocket


class RawClient(RawSocket):
    def __init__(self, server: str, receive_buffer: int | None = None):
        super().__init__(address.connect(server, receive_buffer))
        self.last_seq = 0
        # A server knows it for one of razor's own, by a prompt ping or a format of messages, and may say more of failures.
        self.takes_details = False

    def next_seq(self) -> int:
        self.last_seq += 1
        return self.last_seq

    def send_request(self, action: int | str, msg: bytes = b"", blob: bytes = b"") -> int:
        """Returns the seq of the request."""
        seq = self.next_seq()
        self.send(wire.Request(seq, action, msg, blob).encoded())
        return seq

    def send_ping(self) -> int:
        """Its pong comes after the answers to all requests before it."""
        return self.send_request(wire.PING)

    def send_prompt_ping(self) -> int:
        """Its pong comes at once."""
        seq = self.next_seq()
        self.takes_details = True
        self.send(wire.Request(seq, format_bits=wire.PROMPT_PING_FORMAT).encoded())
        return seq

    def receive(self) -> wire.Response:
        """The next answer. Whatever a server is sent, what it answers is well formed."""
        head = self.receive_exactly(wire.RESPONSE_HEAD.size)
        magic, version, flag, msg_bytes_or_number, seq, blob_bytes = wire.RESPONSE_HEAD.unpack(head)
        assert (magic, version) == (wire.MAGIC, wire.VERSION), head.hex()
        assert flag in (wire.SUCCESS, wire.ERROR_NUMBER, wire.ERROR_BYTES), head.hex()
        is_number = flag == wire.ERROR_NUMBER
        msg_bytes = 0 if is_number else msg_bytes_or_number
        assert msg_bytes <= wire.MSG_BYTES_MAX and 0 <= blob_bytes <= wire.BLOB_BYTES_MAX, head.hex()
        assert flag != wire.ERROR_BYTES or msg_bytes == 0 or self.takes_details, head.hex()
        msg = self.receive_exactly(msg_bytes)
        blob = self.receive_exactly(blob_bytes)
        return wire.Response(seq, flag, msg_bytes_or_number if is_number else 0, msg, blob)

    def receive_all(self, count: int) -> dict[int, wire.Response]:
        """`count` answers by their seqs, which all differ."""
        answers: dict[int, wire.Response] = {}
        for _ in range(count):
            answer = self.receive()
            assert answer.seq not in answers, f"two answers to seq {answer.seq}"
            answers[answer.seq] = answer
        return answers

    def call(self, action: int | str, msg: bytes = b"", blob: bytes = b"") -> wire.Response:
        """One request and its answer, with nothing else under way."""
        seq = self.send_request(action, msg, blob)
        answer = self.receive()
        assert answer.seq == seq, f"asked with seq {seq}, answered {answer}"
        return answer

    def add(self, a: int, b: int) -> int:
        return int(self.call(wire.method("add"), wire.pack([a, b])).value)

    def ping(self) -> None:
        assert self.call(wire.PING) == wire.Response(self.last_seq)
