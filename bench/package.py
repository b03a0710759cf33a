"""Build the function's package as ``penstock deploy`` does, with one plan in it. Argument: a folder to keep it in.

Prints its sizes in bytes, zipped and unzipped. A program of its own, so that what it imports is not in the memory of the
process that starts all the others, which the system's account of their peaks begins with.
"""

import sys
from pathlib import Path

from bench.contracts import LINEITEM
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.plan.codec import write_plan
from penstock.stack.package import build_package
from penstock.stack.target import aws_target


def main() -> None:
    """Build it."""
    plan = write_plan(compile_contract(read_contract(LINEITEM)))
    target = aws_target()
    built = build_package({"lineitem": plan}, target, Path(sys.argv[1]))
    print(built.zipped, built.unzipped, target.python, target.architecture)


main()
