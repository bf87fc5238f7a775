"""The golden cases: frames that were captured from the reference implementation."""

import json
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "tests" / "wire" / "golden.json"

SEQ = slice(8, 16)  # of a request and of an answer
CLIENT_ID = slice(16, 24)  # of a request


@dataclass(frozen=True)
class Case:
    channel: str  # "api" or "stream": each counts its own seqs
    name: str
    request: bytes
    response: bytes

    @property
    def id(self) -> str:
        return f"{self.channel}-{self.name}"


def load() -> list[Case]:
    cases = json.loads(PATH.read_text(encoding="utf-8"))["cases"]
    return [
        Case(case["channel"], case["name"], bytes.fromhex(case["request"]), bytes.fromhex(case["response"]))
        for case in cases
    ]


CASES = load()


def with_seq(frame: bytes, seq: int) -> bytes:
    return frame[: SEQ.start] + seq.to_bytes(8, "little") + frame[SEQ.stop :]


def with_client_id(request: bytes, client_id: int) -> bytes:
    return request[: CLIENT_ID.start] + client_id.to_bytes(8, "little") + request[CLIENT_ID.stop :]
