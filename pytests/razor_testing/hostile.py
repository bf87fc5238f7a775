"""Hostile peers, as a catalogue: what each sends, how that must end, and what it may cost. For our service and for yours.

    @pytest.mark.parametrize("row", hostile.SERVER_ROWS, ids=str)
    def test_hostile_clients(row: hostile.ServerRow, my_target: hostile.Target, healthy: HealthyLoad) -> None:
        row.check(my_target)
        healthy.check(slowest=2.0)

SERVER_ROWS are clients that attack a server (hostile_server_rows.py), CLIENT_ROWS servers that attack a client
(hostile_client_rows.py). EXTENDED_SERVER_ROWS begin with a hello, for servers that know it (hostile_extended_rows.py).
Attacks that take seconds of silence, or thousands of connections, are no rows.
"""

from razor_testing.hostile_client_rows import CLIENT_ROWS
from razor_testing.hostile_extended_rows import EXTENDED_SERVER_ROWS
from razor_testing.hostile_row import Bounds, ClientRow, Ends, Error, Outcome, ServerRow, Target
from razor_testing.hostile_server_rows import SERVER_ROWS

__all__ = [
    "CLIENT_ROWS",
    "EXTENDED_SERVER_ROWS",
    "SERVER_ROWS",
    "Bounds",
    "ClientRow",
    "Ends",
    "Error",
    "Outcome",
    "ServerRow",
    "Target",
]
