"""Rules for single frames of the protocol: the fault proxy drops, delays and doubles the responses that a rule names.

Fails when a rule sees a frame wrong, or hits another one, or when what is between frames comes to harm.
"""

import threading
import time

import pytest

from proxied import Proxied, echo, exchange
from razor_testing import wire
from razor_testing.link_faults import Handle
from razor_testing.proxy_frames import DROP, HELD_BYTES_MAX, PASS, RESET, Frame, Verdict, delayed, duplicated
from razor_testing.raw_client import RawClient
from razor_testing.raw_server import Peer, Script
from razor_testing.waiting import wait_until


def answer_all(peer: Peer) -> None:
    """With what was asked."""
    while True:
        request = peer.receive()
        peer.succeed(request.seq, request.msg, request.blob)


def answer_in_tiny_pieces(peer: Peer) -> None:
    while True:
        request = peer.receive()
        peer.send_byte_by_byte(wire.Response(request.seq, msg=request.msg, blob=request.blob).encoded())


def test_a_rule_sees_all_heads(tcp: Proxied) -> None:
    seen: list[Frame] = []
    proxy = tcp.proxy(answer_in_tiny_pieces)
    with proxy.frames(seen.append) as rule, RawClient(proxy.address) as client:
        client.call("Bank.deposit", b"\x05", b"blob")
        client.send_byte_by_byte(wire.Request(2, 7, b"\x01\x02").encoded())
        client.receive()
        client.send(wire.Request(3).encoded())
        client.receive()
    requests = [frame for frame in seen if frame.kind == "request"]
    responses = [frame for frame in seen if frame.kind == "response"]
    assert requests == [
        Frame("request", 1, 1, 1, 1, 4, "Bank.deposit"),
        Frame("request", 1, 2, 2, 2, 0, 7),
        Frame("request", 1, 3, 3, 0, 0, 0),
    ]
    assert [frame.is_ping for frame in requests] == [False, False, True]
    assert responses == [
        Frame("response", 1, 1, 1, 1, 4),
        Frame("response", 1, 2, 2, 2, 0),
        Frame("response", 1, 3, 3, 0, 0),
    ]
    assert rule.acted == 0


@pytest.mark.parametrize("script", [answer_all, answer_in_tiny_pieces])
@pytest.mark.parametrize("verdict, expected", [(DROP, [1, 3]), (duplicated(3), [1, 2, 2, 2, 3]), (delayed(0.5), [1, 3, 2])])
def test_response_2_is_hit(tcp: Proxied, script: Script, verdict: Verdict, expected: list[int]) -> None:
    proxy = tcp.proxy(script)
    with proxy.frames(lambda frame: verdict if frame.seq == 2 else PASS, direction="to_client") as rule:
        with RawClient(proxy.address) as client:
            begun = time.monotonic()
            for number in range(3):
                client.send_request(9, bytes([number]) * 10, b"b" * 1000)
            answers = [client.receive() for _ in expected]
            assert [answer.seq for answer in answers] == expected
            for answer in answers:
                assert (answer.msg, answer.blob) == (bytes([answer.seq - 1]) * 10, b"b" * 1000)
            if verdict.seconds:
                assert time.monotonic() - begun >= verdict.seconds
            assert client.is_silent_for(0.02)
    assert rule.acted == 1


def test_a_delayed_response_arrives_before_the_end(tcp: Proxied) -> None:
    def answer_one(peer: Peer) -> None:
        peer.succeed(peer.receive().seq)

    proxy = tcp.proxy(answer_one)
    with proxy.frames(lambda frame: delayed(0.1), direction="to_client"), RawClient(proxy.address) as client:
        client.send_request(9)
        assert client.receive().seq == 1
        assert client.receive_to_end() == b""


def test_a_delayed_frame_does_not_cut_another_one(tcp: Proxied) -> None:
    goes_on = threading.Event()

    def answer(peer: Peer) -> None:
        peer.succeed(peer.receive().seq)
        whole = wire.Response(peer.receive().seq, blob=b"b" * 1000).encoded()
        peer.send(whole[:500])
        goes_on.wait(20)
        peer.send(whole[500:])
        peer.wait_for_end()

    proxy = tcp.proxy(answer)
    rule = proxy.frames(lambda frame: delayed(0.05) if frame.seq == 1 else None, direction="to_client")
    with RawClient(proxy.address) as client:
        client.send_request(9)
        client.send_request(9)
        wait_until("the half to have passed", lambda: proxy.bytes_to_client == 500)
        assert not client.is_silent_for(0)
        time.sleep(0.1)  # past the time of the other one, which must not show
        assert proxy.bytes_to_client == 500
        goes_on.set()
        assert [client.receive().seq, client.receive().seq] == [2, 1]
    assert rule.acted == 1


def test_a_request_is_dropped_and_another_resets(tcp: Proxied) -> None:
    verdicts = {"Bank.lost": DROP, "Bank.fatal": RESET}
    proxy = tcp.proxy(answer_all)
    with proxy.frames(lambda frame: verdicts.get(str(frame.action)), direction="to_server"):
        with RawClient(proxy.address) as client:
            client.send_request("Bank.lost", b"x" * 5000)
            assert client.call("Bank.kept", b"\x01").msg == b"\x01"
            client.send_request("Bank.fatal")
            with pytest.raises(ConnectionResetError):
                client.receive()


def test_a_rule_that_ends_in_the_middle_of_a_frame_is_carried_out(tcp: Proxied) -> None:
    proxy = tcp.proxy(answer_all)
    with RawClient(proxy.address) as client:
        client.call(9)
        rule = proxy.frames(lambda frame: DROP, direction="to_server")
        lost = wire.Request(client.next_seq(), 9, b"x" * 100).encoded()
        client.send(lost[:50])
        wait_until("the head to be seen", lambda: rule.acted == 1)
        rule.clear()
        client.send(lost[50:])
        assert client.call(9, b"\x01").msg == b"\x01"


def test_a_rule_may_end_itself(tcp: Proxied) -> None:
    proxy = tcp.proxy(answer_all)
    handles: list[Handle] = []

    def drop_one(frame: Frame) -> Verdict:
        handles[0].clear()
        return DROP

    handles.append(proxy.frames(drop_one, direction="to_server"))
    with RawClient(proxy.address) as client:
        for number in range(3):
            client.send_request(9, bytes([number]) * 1000)
        assert [client.receive().seq, client.receive().seq] == [2, 3]
    assert proxy.faults() == []


def test_what_is_not_of_the_protocol_passes(tcp: Proxied) -> None:
    proxy = tcp.proxy(echo)
    with proxy.frames(lambda frame: DROP, direction="to_server"):
        data = b"GET / HTTP/1.1\r\n\r\n" * 10
        assert exchange(tcp.connect(proxy), data) == data
        for head in (
            wire.request_head(seq=1, magic=1),
            wire.request_head(seq=1, version=2),
            wire.request_head(seq=1, name_bytes=0x7FFF_FFFF),
            wire.request_head(seq=1, msg_bytes=0xFFFF_FFFF),
            wire.request_head(seq=1, blob_bytes=0xFFFF_FFFF),
        ):
            assert exchange(tcp.connect(proxy), head + data) == head + data
    assert sum("not a request" in line for line in proxy.timeline()) == 6


def test_a_frame_that_is_too_large_to_be_held_passes(tcp: Proxied) -> None:
    proxy = tcp.proxy(answer_all)
    with proxy.frames(lambda frame: duplicated(), direction="to_client") as rule, RawClient(proxy.address) as client:
        client.send_request(9, b"", bytes(HELD_BYTES_MAX + 1))
        assert len(client.receive().blob) == HELD_BYTES_MAX + 1
        client.send_request(9, b"\x01")
        assert [client.receive().seq, client.receive().seq] == [2, 2]
    assert rule.acted == 1
    assert any("too large to be held" in line for line in proxy.timeline())


def test_what_a_rule_raises_is_told(tcp: Proxied) -> None:
    def broken(frame: Frame) -> Verdict:
        raise LookupError(f"nothing is known of {frame.seq}")

    proxy = tcp.proxy(answer_all)
    proxy.frames(broken)
    with RawClient(proxy.address) as client:
        assert client.call(9, b"\x01").msg == b"\x01"
    with pytest.raises(AssertionError, match="nothing is known of 1"):
        proxy.close()


def test_wrong_verdicts_are_told() -> None:
    for seconds in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError):
            delayed(seconds)
    with pytest.raises(ValueError):
        duplicated(-1)
