"""Large messages over a slow link: nothing is lost because a transfer takes longer than the limits of silence and of closing.

A message takes 3.5 s in each direction here, where a connection whose server sends nothing for 3 s used to be given up,
and one that a server closes used to be reset 1 s after its last byte was written.
"""

import signal

import limits
from node import OK, Nodes
from slow_proxy import slow_proxy
from waiting import wait_until

RATE = 1_500_000  # bytes a second
LARGE = 5 * 1024 * 1024  # takes 3.5 s
LOAD = ("--pool", "--timeout", "60", "--json")


def test_large_messages_arrive_and_small_calls_beside_them_go_on(nodes: Nodes) -> None:
    server = nodes.serve()
    with slow_proxy(server.address, RATE) as proxy:
        large = nodes.start("load", "--connect", proxy.address, *LOAD, "--payload", str(LARGE), "--in-flight", "1", "--seconds", "6")
        wait_until("the upload to be under way", lambda: proxy.bytes_up > LARGE / 10)
        small = nodes.start("load", "--connect", proxy.address, *LOAD, "--payload", "64", "--in-flight", "1", "--seconds", "5")
        report = small.wait(30).report
        assert report["errors"] == {}
        assert report["calls"] > 100, report
        print(f"small calls beside it: {report['calls']}, p99 {report['p99_us'] / 1000:.0f} ms")
        report = large.wait(60).report
    assert report["errors"] == {}
    assert report["submitted"] == report["ended"] == 1
    assert proxy.bytes_down > LARGE


def test_a_server_that_closes_sends_its_answer_to_the_end(nodes: Nodes) -> None:
    server = nodes.serve(options=("--close-limit", "30"))
    with slow_proxy(server.address, RATE) as proxy:
        load = nodes.start("load", "--connect", proxy.address, *LOAD, "--payload", str(LARGE), "--in-flight", "1", "--seconds", "6")
        wait_until("the answer to be under way", lambda: proxy.bytes_down > LARGE / 10, 30)
        server.send_signal(signal.SIGTERM)
        report = load.wait(60).report
        assert report["errors"] == {}
        assert report["submitted"] == report["ended"] == 1
        finished = server.wait(limits.at_most(30))
    assert finished.status == OK
