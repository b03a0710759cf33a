"""``penstock explain``: show the plan of a contract."""

from __future__ import annotations

from dataclasses import asdict

from penstock.cli.options import ContractPath, Json
from penstock.cli.output import give_json, say, visible

EXAMPLE = "penstock explain contracts/orders.yaml"


def command(contract: ContractPath, json: Json = False) -> int:
    """Show what a contract comes to: the plan that is executed.

    What each field becomes, the steps, the keys, the table, the checks, and the
    SQL. With --json, the plan itself.
    """
    import penstock  # noqa: PLC0415 -- the compiler takes time to import, and `--help` does not need it
    from penstock.compile.explain import explain_contract  # noqa: PLC0415 -- as above
    from penstock.compile.plan import compile_contract  # noqa: PLC0415 -- as above
    from penstock.contract.locate import located  # noqa: PLC0415 -- as above

    read = penstock.load_contract(contract)
    if json:
        with located(contract):
            plan = compile_contract(read)
        give_json(asdict(plan))
        return 0
    with located(contract):
        explained = explain_contract(read)
    for line in explained.splitlines():
        say(visible(line), "bold" if line and not line.startswith(" ") else None)
    return 0
