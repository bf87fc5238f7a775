"""Processes of a service under pytest-razor: pytests/README.md quotes it, and pytests/test_packaging.py runs it.

    pytest --razor-node 'build/my_service --listen {address}' tests/examples/break_service.py
"""

from razor_testing.drift import DriftCheck

# [quote:three]
from razor_testing.address import connect
from razor_testing.plugin import MakeCluster
from razor_testing.process import ServiceProcess


def is_up(process: ServiceProcess) -> bool:
    with connect(process.address):
        return True


def test_two_of_three_survive(razor_cluster: MakeCluster) -> None:
    cluster = razor_cluster()
    a, b, c = cluster.start_many(3, ready=is_up)
    a.kill()  # SIGKILL, with all of its children
    b.pause()  # SIGSTOP: it accepts connections, and is silent
    assert c.is_running and is_up(c)
    b.resume()
    a.restart()  # where it was before


# [/quote]


def test_nothing_leaks(razor_cluster: MakeCluster) -> None:
    cluster = razor_cluster()
    process = cluster.start("a")
    # [quote:drift]
    with DriftCheck(cluster, every=0.02) as drift:
        while drift.samples < 50:
            is_up(process)
    assert not drift.findings()  # "a (pid 17): open descriptors grew from 24 to 96 over 50 samples in 1.0 s"
    # [/quote]
