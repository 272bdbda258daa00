#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The verdict fails what must fail: a loud finding, one that is not listed, and a line that did not come true."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import verdict  # noqa: E402

TABLE = """
| work | detection | severity | why |
|---|---|---|---|
| `a` | `one` | low | because |
| `a@container` | `two` | medium | because of `x` |
"""


def finding(name, severity):
    secret = {"name": "env", "value": ["TOKEN=1"]}
    return {"eventName": name, "processName": "p", "metadata": {"Properties": {"Severity": verdict.SEVERITIES.index(severity)}},
            "args": [{"name": "triggeredBy", "value": {"name": "openat", "args": [{"name": "pathname", "value": "/x"}, secret]}}]}


def refused(text):
    try:
        verdict.allowed(text)
    except verdict.BadTable:
        return True
    return False


def complaints(work, *findings):
    return verdict.wrong(work, [finding(*f) for f in findings], verdict.allowed(TABLE))


def main():
    table = verdict.allowed(TABLE)
    assert table == {("a", "one", "low"): "because", ("a@container", "two", "medium"): "because of `x`"}
    assert refused(TABLE + "| `a` | `one` | low | twice |\n")
    assert refused("| `a` | `one` | high | never |\n") and refused("| `a` | `one` | critical | never |\n")
    assert refused("| `a` | `one` | loud | no severity |\n") and refused("| `a` | `one` | low | |\n") and refused("| `a` | one | low | why |\n")

    assert complaints("a", ("one", "low"), ("one", "low")) == []
    assert complaints("other") == []
    assert complaints("a") == ["docs/ordinary-work.md expects one (low), which did not come"]
    assert len(complaints("a", ("one", "low"), ("one", "medium"))) == 1
    assert len(complaints("a", ("one", "low"), ("two", "medium"))) == 1
    for loud in ("high", "critical"):
        assert len(complaints("a", ("one", "low"), ("one", loud))) == 1
        assert "ordinary work is no reason for one" in complaints("a", ("one", "low"), ("one", loud))[0]
    told = verdict.describe(finding("one", "low"))
    assert "/x" in told and "TOKEN" not in told

    said = verdict.header("#!/bin/sh\n# needs: a b\n# after: packages\n# where: host container\n\n# needs: c\n")
    assert said == {"needs": ["a", "b"], "after": ["packages"], "network": [], "where": ["host", "container"]}
    line = "vedette-analyzer: info: balance node=n session=0a class={}: reserved=9 delivered={} lost={} in_flight=0\n"
    assert verdict.balance(line.format("critical", 7, 2) + line.format("bulk", 9, 0)) == (16, 2)
    assert verdict.balance("no balance") is None
    assert verdict.own_words("vedette-run: x\nmine\n\n@@took 3\n") == ["mine"]

    # The table that is held to.
    works = {path.name: verdict.header(path.read_text())["where"] for path in (HERE / "work").iterdir()}
    for work, _, _ in verdict.allowed((HERE.parent.parent / "docs/ordinary-work.md").read_text()):
        name, _, place = work.partition("@")
        assert (place or "host") in works[name], work
    return 0


if __name__ == "__main__":
    sys.exit(main())
