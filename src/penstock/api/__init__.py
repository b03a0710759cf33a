"""The library: the verbs of the command line, for programs.

>>> import penstock, pathlib, tempfile
>>> example = pathlib.Path(penstock.__file__).parent / "examples" / "ourairports"
>>> contract = penstock.load_contract(example / "contracts" / "navaids.yaml")
>>> with tempfile.TemporaryDirectory() as folder:
...     [report] = penstock.run(contract, [example / "data" / "navaids.csv.gz"], output=folder)
>>> report.status, report.counts.read == report.counts.loaded + report.counts.rejected
('done', True)

Data that breaks its contract and services that fail don't raise: each file's report says what became of it. What is
wrong with the call or the contract raises before anything is written.
"""

from penstock.api.check_files import Verdict, check
from penstock.api.prepare import load_contract
from penstock.api.run_files import run

__all__ = ["Verdict", "check", "load_contract", "run"]
