"""The library: the verbs of the command line, for programs.

>>> import penstock
>>> contract = penstock.load_contract("contracts/orders.yaml")  # doctest: +SKIP
>>> reports = penstock.run(contract, ["orders.csv"], output="out")  # doctest: +SKIP
>>> reports[0].status, reports[0].counts.loaded  # doctest: +SKIP
('done', 985)

Data that breaks its contract and services that fail don't raise: each file's report says what became of it. What is
wrong with the call or the contract raises before anything is written.
"""

from penstock.api.check_files import Verdict, check
from penstock.api.prepare import load_contract
from penstock.api.run_files import run

__all__ = ["Verdict", "check", "load_contract", "run"]
