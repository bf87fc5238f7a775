"""razor_node tells its user what is wrong with a command line: on stderr, with status 64, and nothing on stdout.

Fails when a wrong number, address or word is taken for something else, or silently for the default.
"""

import pytest

from razor_testing.node import OK, USAGE_ERROR, Nodes

# Nobody listens there: a command that wrongly accepts its options ends with another status, at once.
NOBODY = "127.0.0.1:1"
ADD = "CalculatorService.add"

# The command line, and what the message has to name.
WRONG: list[tuple[list[str], str]] = [
    # Commands
    ([], "subcommand"),
    (["bogus"], "subcommand"),
    (["--bogus"], "subcommand"),
    (["serve", "--listen", "127.0.0.1:0", "--bogus"], "--bogus"),
    (["serve", "--listen", "127.0.0.1:0", "bogus"], "bogus"),
    (["--log", "loud", "serve", "--listen", "127.0.0.1:0"], "--log"),
    # Arguments that are missing
    (["serve"], "--listen"),
    (["serve", "--listen"], "--listen"),
    (["call"], "address"),
    (["call", NOBODY], "action"),
    (["load"], "--connect"),
    (["load", "--connect", NOBODY, "--seconds"], "--seconds"),
    # Addresses
    (["serve", "--listen", "127.0.0.1"], '"127.0.0.1": has no port'),
    (["serve", "--listen", ""], "an empty text is no address"),
    (["serve", "--listen", ":0"], '":0": has no host'),
    (["serve", "--listen", "127.0.0.1:"], '"127.0.0.1:": has no port'),
    (["serve", "--listen", "127.0.0.1:65536"], '"127.0.0.1:65536": its port is no number'),
    (["serve", "--listen", "127.0.0.1:-1"], '"127.0.0.1:-1": its port is no number'),
    (["serve", "--listen", "127.0.0.1:1e3"], '"127.0.0.1:1e3": its port is no number'),
    (["serve", "--listen", "::1:0"], "an IPv6 address must stand in brackets (write [::1]:0)"),
    (["serve", "--listen", "unix:"], '"unix:": has no path'),
    (["serve", "--listen", "unix:" + "x" * 108], "the path of a Unix socket is at most 107 bytes long (this one has 108)"),
    (["serve", "--listen", "127.0.0.1:0", "--listen", "nonsense"], '"nonsense": has no port'),
    (["call", "nonsense", ADD, "[1,2]"], '"nonsense": has no port'),
    (["load", "--connect", "nonsense"], '"nonsense": has no port'),
    # Actions and their arguments
    (["call", NOBODY, ""], "name a method"),
    (["call", NOBODY, "0"], "stream action"),
    (["call", NOBODY, "-1"], "stream action"),
    (["call", NOBODY, "2147483648"], "stream action"),
    (["call", NOBODY, "99999999999999999999"], "stream action"),
    (["call", NOBODY, ADD, "[1,2"], "JSON"),
    (["call", NOBODY, ADD, "1,2"], "JSON"),
    (["call", NOBODY, ADD, "nonsense"], "JSON"),
    (["call", NOBODY, ADD, "NaN"], "JSON"),
    (["call", NOBODY, ADD, "'text'"], "JSON"),
    (["call", NOBODY, ADD, "[1,2]", "[3]"], "[3]"),
    # Numbers
    *(
        ([*command, option, number], option)
        for command, options in (
            (["serve", "--listen", "127.0.0.1:0"], ["--close-limit"]),
            (["call", NOBODY, ADD, "[1,2]"], ["--timeout"]),
            (["load", "--connect", NOBODY, "--json"], ["--seconds", "--timeout", "--report-every"]),
        )
        for option in options
        for number in ("0", "-1", "nan", "-nan", "inf", "-inf", "1e-12", "1e10", "1e400", "soon", "1s", "")
    ),
    *(
        (["load", "--connect", NOBODY, option, number], option)
        for option in ("--in-flight", "--window", "--connections", "--payload", "--spin-us")
        for number in ("-1", "1.5", "1e3", "nan", "many", "", "18446744073709551617", "99999999999999999999999")
    ),
    *((["load", "--connect", NOBODY, option, "0"], option) for option in ("--in-flight", "--window", "--connections")),
    (["load", "--connect", NOBODY, "--in-flight", "1000001"], "--in-flight"),
    (["load", "--connect", NOBODY, "--connections", "10001"], "--connections"),
    (
        ["load", "--connect", NOBODY, "--payload", str(16 * 1024 * 1024)],
        "--payload: 16777216 bytes: above 16777152 requires",
    ),
    (["load", "--connect", NOBODY, "--payload", str(64 * 1024 * 1024 + 1), "--interface", "stream"], "--payload"),
    *(
        (["load", "--connect", NOBODY, "--rate", number], "--rate")
        for number in ("0", "-1", "nan", "inf", "1e-12", "1e10", "fast", "")
    ),
    *(
        (["load", "--connect", NOBODY, "--calls", number], "--calls")
        for number in ("0", "-1", "1.5", "1e3", "1000000001", "18446744073709551617", "many", "")
    ),
    # Words
    (["load", "--connect", NOBODY, "--interface", "http"], "--interface"),
    (["load", "--connect", NOBODY, "--handler", "thread"], "--handler"),
    (["load", "--connect", NOBODY, "--interface", "stream", "--direction", "sideways"], "--direction"),
    (["load", "--connect", NOBODY, "--pool", "--balance", "random"], "--balance"),
    (["load", "--connect", NOBODY, "--pool", "--balance", ""], "--balance"),
    # Options that mean nothing without another
    (["load", "--connect", NOBODY, "--balance", "leader"], "--balance requires --pool"),
    (["load", "--connect", NOBODY, "--idempotent"], "--idempotent requires --pool"),
    (["load", "--connect", NOBODY, "--direction", "up"], "--direction: requires --interface stream"),
    (["load", "--connect", NOBODY, "--interface", "worker", "--payload", "1"], "worker has neither --handler nor --payload"),
    (["load", "--connect", NOBODY, "--interface", "worker", "--history", "h"], "--history: requires --interface api"),
    (["load", "--connect", NOBODY, "--report-every", "1"], "--report-every requires --json"),
]


@pytest.mark.parametrize("arguments, named", WRONG, ids=lambda value: " ".join(value)[:60] if value else "nothing")
def test_wrong_usage_is_explained(nodes: Nodes, arguments: list[str], named: str) -> None:
    finished = nodes.run(*arguments)
    assert finished.status == USAGE_ERROR, finished
    assert finished.out == ""
    assert named in finished.err


@pytest.mark.parametrize("command", [[], ["serve"], ["call"], ["load"]], ids=" ".join)
def test_help_is_no_error(nodes: Nodes, command: list[str]) -> None:
    finished = nodes.run(*command, "--help")
    assert finished.status == OK
    assert "Usage: razor_node" in finished.out
    assert finished.err == ""


def test_help_names_every_option(nodes: Nodes) -> None:
    expected = {
        "serve": ["--listen", "--close-limit", "--handlers-max", "--work-us"],
        "call": ["address", "action", "arguments", "--timeout"],
        "load": ["--connect", "--interface", "--handler", "--in-flight", "--window", "--connections", "--payload"]
        + ["--seconds", "--timeout", "--json", "--report-every", "--pool", "--balance", "--idempotent"]
        + ["--direction", "--rate", "--calls"],
    }
    for command, options in expected.items():
        text = nodes.run(command, "--help").out
        assert [option for option in options if option not in text] == []
