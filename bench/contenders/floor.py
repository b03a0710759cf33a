"""The floor: request bodies already encoded and packed, signed and sent by Penstock's own sender, nothing else.

Arguments: a file with a body on each line, and the endpoint. Prints the CPU seconds of the sending alone.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from penstock.aws.connect import Connections
from penstock.aws.send import Sender
from penstock.aws.write import LANES


def main() -> None:
    """Send all bodies, as many at a time as the writer has lanes."""
    file, endpoint = sys.argv[1:]
    bodies = Path(file).read_bytes().splitlines()
    sender = Sender(Connections("us-east-1", endpoint), LANES)
    parts = iter(bodies)

    def send() -> None:
        for body in parts:
            if sender.send("BatchWriteItem", body).status != 200:
                raise SystemExit("the sink refused a request")

    started = time.process_time()
    with ThreadPoolExecutor(LANES) as lanes:
        for lane in [lanes.submit(send) for _ in range(LANES)]:
            lane.result()
    print(time.process_time() - started)
    sender.close()


main()
