"""The times that are promised, in seconds, and what a test may add to them."""

# What real processes may be late by.
SLACK = 0.25
# What a test adds on top, since its machine may be busy with other things. Where it is added the test still tells a
# process that keeps its promise from one that waits for the next limit.
BUSY_MACHINE = 1.0

# Limits of a server.
FIRST_BYTE = 10.0
HEAD = 5.0
BODY_PROGRESS = 5.0
BODY_PROGRESS_BYTES = 1024
WRITE_STALL = 5.0
LINGER = 1.0
CLOSE_LIMIT = 5.0  # of `razor_node serve`
HANDLERS_PER_CONNECTION = 1024
HANDLERS = 65_536

# A client asks a silent server for a sign of life, then gives it up.
PING_INTERVAL = 1.0
PING_TIMEOUT = 2.0
# How often deadlines are looked at: by default, and by `razor_node call`.
TICK = 1.0
CALL_TICK = 0.05

# What an honest client may wait for an answer while others misbehave: far less than any limit that they run into.
PROMPT = 2.0


def at_most(seconds: float) -> float:
    return seconds + SLACK + BUSY_MACHINE
