"""ci/demo.py when its user has seen enough.

Fails when Ctrl-C leaves a server behind, or answers with a traceback.
"""

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from razor_testing import address, node
from razor_testing.waiting import wait_until

INTERRUPTED = 128 + signal.SIGINT


@pytest.mark.parametrize("when", ["5. Throughput", "calls in flight, in turn to"], ids=["one server", "a cluster"])
def test_ctrl_c_ends_the_demo_and_its_processes(tmp_path: Path, when: str) -> None:
    out_path, err_path = tmp_path / "out", tmp_path / "err"
    command = [sys.executable, str(node.ROOT / "ci" / "demo.py"), str(node.binary())]
    with out_path.open("wb") as out, err_path.open("wb") as err:
        # A session of its own: the signal of a terminal goes to all processes of the demo. Who is started in the background
        # ignores it, and so would they.
        listen_to_sigint = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        demo = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True, preexec_fn=listen_to_sigint)
    try:
        wait_until(f"'{when}'", lambda: when in out_path.read_text(encoding="utf-8") or demo.poll() is not None)
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(address.HANG_SECONDS) == INTERRUPTED, err_path.read_text(encoding="utf-8")
        assert err_path.read_text(encoding="utf-8") == "\ninterrupted\n"
        wait_until("its processes to end", lambda: not group_exists(demo.pid))
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
            demo.wait()


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
