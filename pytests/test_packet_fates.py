"""What an emulated link draws for each packet, without a network: shares, delays, their order, and that seeds repeat it.

Fails when a fault hits other packets than its share, another seed's, or those that another fault would leave alone.
"""

import pytest

from razor_testing.packet_fates import Way

PACKETS = 10_000
SIZE = 100


def way(*faults: tuple[str, dict[str, float | str]], seed: int = 1) -> Way:
    made = Way()
    for number, (kind, values) in enumerate(faults, 1):
        made.set(number, f"{seed}/{number}", kind, values)
    return made


def fates(of: Way, packets: int = PACKETS) -> list[list[float]]:
    """When the copies of each arrive. One is sent in each millisecond."""
    return [of.arrivals(number / 1000, SIZE) for number in range(packets)]


def test_a_link_without_faults_changes_nothing() -> None:
    plain = way()
    assert fates(plain, 100) == [[number / 1000] for number in range(100)]
    assert plain.counts.under_way == 100
    for number in range(1, 101):
        plain.delivered(number, SIZE, 0.0)
    assert str(plain.counts) == "100 packets, 100 carried"
    assert plain.counts.bytes_carried == 100 * SIZE


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_shares_are_about_what_was_asked(share: float) -> None:
    lossy = way(("loss", {"share": share}))
    lost = fates(lossy).count([])
    assert lossy.counts.lost == lossy.acted(1) == lost
    # Five times the standard deviation.
    assert abs(lost - PACKETS * share) <= 5 * (PACKETS * share * (1 - share)) ** 0.5

    doubling = way(("duplicate", {"share": share}))
    assert [len(dues) for dues in fates(doubling)].count(2) == doubling.counts.duplicated == lost, "the same seed"


def test_a_seed_repeats_the_fates_and_another_one_does_not() -> None:
    faults: list[tuple[str, dict[str, float | str]]] = [
        ("loss", {"share": 0.1}),
        ("delay", {"seconds": 0.02, "jitter": 0.01, "shape": "long_tail"}),
        ("reorder", {"share": 0.1, "seconds": 0.005}),
    ]
    assert fates(way(*faults)) == fates(way(*faults))
    assert fates(way(*faults)) != fates(way(*faults, seed=2))


def test_other_faults_do_not_change_which_packets_are_lost() -> None:
    alone = fates(way(("loss", {"share": 0.1})))
    among = fates(
        way(("loss", {"share": 0.1}), ("duplicate", {"share": 0.5}), ("rate", {"bytes_per_second": 1e9, "queue_bytes": 1e6}))
    )
    assert [not dues for dues in alone] == [not dues for dues in among]


@pytest.mark.parametrize(
    "shape, mean", [("uniform", 0.02), ("exponential", 0.03), ("long_tail", 0.02 + 0.01 * (0.99 * 0.5 + 0.01 * 15.5))]
)
def test_delays_have_the_mean_of_their_shape(shape: str, mean: float) -> None:
    delaying = way(("delay", {"seconds": 0.02, "jitter": 0.01, "shape": shape}))
    # One second apart, so that none waits for the one before.
    delays = [delaying.arrivals(number, SIZE)[0] - number for number in range(PACKETS)]
    assert sum(delays) / PACKETS == pytest.approx(mean, rel=0.05)
    assert min(delays) >= (0.01 if shape == "uniform" else 0.02) - 1e-9
    assert delaying.counts.delay_seconds == pytest.approx(sum(delays))


def test_jitter_keeps_packets_in_order_and_delays_add_up() -> None:
    both = way(
        ("delay", {"seconds": 0.02, "jitter": 0.02, "shape": "uniform"}),
        ("delay", {"seconds": 1.0, "jitter": 0.0, "shape": "uniform"}),
    )
    dues = [due for dues in fates(both) for due in dues]
    assert len(dues) == PACKETS and dues == sorted(dues)
    assert min(due - number / 1000 for number, due in enumerate(dues)) >= 1.0


def test_what_is_reordered_is_overtaken_and_holds_up_nobody() -> None:
    mixing = way(("reorder", {"share": 0.1, "seconds": 0.0025}))
    dues = [due for dues in fates(mixing, 1000) for due in dues]
    for number, _ in sorted(enumerate(dues, 1), key=lambda packet: packet[1]):
        mixing.delivered(number, SIZE, 0.0)
    late = [number for number, due in enumerate(dues) if due > number / 1000]
    assert len(late) == mixing.acted(1) and 50 < len(late) < 150
    # A held one is overtaken by the next two, unless those are held, too.
    overtaken = {number for number in late if number + 1 < 1000 and not {number + 1, number + 2} <= set(late)}
    assert mixing.counts.reordered == len(overtaken)


def test_a_rate_sends_packets_one_after_the_other_and_its_queue_is_limited() -> None:
    slow = way(("rate", {"bytes_per_second": 1000, "queue_bytes": 250}))
    dues = [slow.arrivals(0.0, SIZE) for _ in range(5)]
    assert dues == [[0.1], [0.2], [pytest.approx(0.3)], [], []], "a fourth would find 300 bytes before it"
    assert slow.counts.overflowed == 2
    assert slow.arrivals(10.0, SIZE) == [10.1]


def test_a_fault_that_is_cleared_is_over_and_says_how_often_it_acted() -> None:
    cleared = way(("loss", {"share": 1.0}), ("delay", {"seconds": 5.0, "jitter": 0.0, "shape": "uniform"}))
    assert fates(cleared, 3) == [[], [], []]
    assert cleared.clear(1) == (3, False)
    assert cleared.arrivals(0.0, SIZE) == [5.0]
    assert cleared.clear(2) == (1, True)
    assert cleared.arrivals(1.0, SIZE) == [5.0], "not before the one that is under way"
    cleared.released()
    assert cleared.arrivals(1.0, SIZE) == [1.0]
