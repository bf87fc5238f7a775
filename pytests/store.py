"""The store of tests/examples/store as a test sees it: clients that record what they do, and the judges of that."""

import itertools
import os
import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from razor_testing import ledger, linearizability, node
from razor_testing.client import ApplicationError, CallError, Client
from razor_testing.history import History
from razor_testing.ledger import Rules
from razor_testing.linearizability import Counter, Register

# Beside the razor_node that is tested, unless RAZOR_STORE names another one.
NODE = Path(os.environ.get(node.BINARY_VARIABLE) or node.DEFAULT_BINARY)
BINARY = Path(os.environ.get("RAZOR_STORE") or NODE.parent / "examples" / "example_store")
NAMES = ("s1", "s2", "s3")

# Every call may be made again, with its id, so it may run more than once, but change something only once.
RULES = Rules(runs_max=None, changes=frozenset({"write", "compare_and_set", "add"}), copies=2)
PATIENCE, ATTEMPT = 8.0, 0.4  # seconds: for a call, and for each attempt
PAUSE = 0.01  # between two attempts
COUNTER = "count"


def command(*options: str) -> list[str]:
    """Starts a replica; a cluster fills in what stands in braces."""
    return [str(BINARY), "--name", "{name}", "--listen", "{address}", "--data", "{directory}", *options]


READY = r"^listening (\S+)$"


def ask(address: str, method: str, *arguments: Any) -> Any:
    """One call of who runs the store."""
    with Client(address) as client:
        return client.call(f"Operations.{method}", *arguments)


class StoreClient:
    """One client. It makes one call after the other, each until it is answered or its patience is at an end."""

    def __init__(self, history: History, name: str, addresses: Mapping[str, str]):
        self.name = name
        self._recorder = history.recorder("test")
        self._replicas = [Client(address) for address in addresses.values()]
        self._at = 0  # the one that it takes for the primary

    def read(self, key: str) -> Any:
        return self._call("read", key)

    def write(self, key: str, value: int) -> None:
        self._call("write", key, value)

    def compare_and_set(self, key: str, expected: int | None, value: int) -> Any:
        return self._call("compare_and_set", key, expected, value)

    def add(self, amount: int) -> Any:
        return self._call("add", COUNTER, amount)

    def close(self) -> None:
        for replica in self._replicas:
            replica.close(0)

    def _call(self, op: str, key: str, *arguments: Any) -> Any:
        """Returns the result; None also where there is no answer."""
        give_up = time.monotonic() + PATIENCE
        may_have_run = False
        with self._recorder.call(op, arguments, key=key, client=self.name, timeout=PATIENCE + ATTEMPT) as call:
            while time.monotonic() < give_up:
                try:
                    result = self._replicas[self._at].call(f"Store.{op}", call.id, key, *arguments, timeout=ATTEMPT)
                    call.ok(result or 0 if key == COUNTER else result)
                    return result
                except ApplicationError:
                    pass  # not the primary: nothing was done
                except CallError as error:
                    may_have_run = may_have_run or error.ran != "no"
                self._at = (self._at + 1) % len(self._replicas)
                time.sleep(PAUSE)
            if may_have_run:
                call.maybe("no answer")
            else:
                call.failed("no primary")
            return None


class Clients:
    """Some clients at work in the background of a `with` block: the first only reads, the second only changes, the others do
    both. Who only reads, or only changes, stays with a replica for as long as that answers so much."""

    def __init__(self, clients: list[StoreClient], seed: int):
        self._clients = clients
        self._stopping = threading.Event()
        work = (self._read, self._change, *itertools.repeat(self._do_both, len(clients)))
        self._threads = [
            threading.Thread(target=self._run, args=(what, client, random.Random(f"{seed}/{client.name}")), name=client.name)
            for what, client in zip(work, clients)
        ]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for client in self._clients:
            client.close()

    def _run(self, what: Any, client: StoreClient, chance: random.Random) -> None:
        while not self._stopping.wait(chance.uniform(0.001, 0.01)):
            what(client, chance)

    def _read(self, client: StoreClient, chance: random.Random) -> None:
        client.read(chance.choice(("x", "y", COUNTER)))

    def _change(self, client: StoreClient, chance: random.Random) -> None:
        if chance.randrange(2):
            client.write("x", chance.randrange(1000))
        else:
            client.add(chance.randrange(1, 10))

    def _do_both(self, client: StoreClient, chance: random.Random) -> None:
        match chance.randrange(4):
            case 0:
                self._read(client, chance)
            case 1:
                client.compare_and_set("y", client.read("y"), chance.randrange(1000))
            case _:
                self._change(client, chance)


def findings(history: History) -> list[str]:
    """What is wrong, by both judges; empty where all is well."""
    found = [str(finding) for finding in ledger.check(history, RULES)]
    for model, of_counter in ((Register(), False), (Counter(), True)):
        verdict = linearizability.check((call for call in history.calls if (call.key == COUNTER) == of_counter), model)
        found += [] if verdict.is_ok else [verdict.describe()]
    return found
