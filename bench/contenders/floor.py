"""The floor: request bodies already encoded and packed, signed and sent by Penstock's own sender, nothing else.

Arguments: a file with a body on each line, and the endpoint. Prints the CPU seconds of the sending alone.
"""

import sys
import time
from pathlib import Path

from penstock.aws.connect import Connections
from penstock.aws.table.send import Sender
from penstock.aws.table.write import LANES


def main() -> None:
    """Send all bodies, as many at a time as the writer does."""
    file, endpoint = sys.argv[1:]
    bodies = Path(file).read_bytes().splitlines()
    sender = Sender(Connections("us-east-1", endpoint), LANES)
    flights = sender.launch(LANES, "BatchWriteItem")
    started = time.process_time()
    while bodies or flights.under_way:
        while bodies and flights.has_room():
            flights.start(None, bodies.pop())
        for _, answer in flights.land(1.0, more=bool(bodies)):
            if answer is None or answer.status != 200:
                raise SystemExit("the sink did not take a request")
    print(time.process_time() - started)
    flights.close()
    sender.close()


main()
