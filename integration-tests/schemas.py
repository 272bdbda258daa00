# SPDX-License-Identifier: Apache-2.0
"""Whether lines of JSON are what docs/schemas/ says. The only place that knows; used by every runner that reads such lines."""

import json
import sys
from pathlib import Path

try:
    import jsonschema
except ImportError:  # ./dev deps installs it
    jsonschema = None

SCHEMAS = Path(__file__).resolve().parent.parent / "docs/schemas"
MISSING = "python3-jsonschema is not installed: ./dev deps"

_validators = {}
_seen = {}  # skeleton -> complaint
checked = {"trace": 0, "v1beta1": 0}


def validator(shape):
    if shape not in _validators:
        schema = json.loads((SCHEMAS / f"{shape}-event.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        _validators[shape] = jsonschema.Draft202012Validator(schema)
    return _validators[shape]


def shape_of(row):
    return "trace" if "eventName" in row else "v1beta1"


def skeleton(value):
    """
    What the schemas look at, so that a thousand lines of one kind are judged once: the structure and the types, each number by its size,
    each string by the sort of its letters.
    """
    if isinstance(value, dict):
        return tuple((key, item if key in ("type", "stage", "class") and isinstance(item, str) else skeleton(item)) for key, item in value.items())
    if isinstance(value, list):
        return ("list", *dict.fromkeys(skeleton(item) for item in value), min(len(value), 6))
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return ("int", value < 0, (abs(value) + (value < 0)).bit_length())
    if isinstance(value, str):
        return ("str", value if value == "triggeredBy" else min(len(value), 33), value.isdigit(), not set(value) - set("0123456789abcdef"), value[:1] == "T")
    return type(value).__name__


def complaint(row):
    """What is wrong with one row, None when nothing is."""
    shape = shape_of(row)
    checked[shape] += 1
    kind = (shape, skeleton(row))
    if kind not in _seen:
        error = next(iter(sorted(validator(shape).iter_errors(row), key=lambda e: -len(e.absolute_path))), None)
        where = "/".join(str(part) for part in error.absolute_path) if error is not None else ""
        _seen[kind] = None if error is None else f"{shape} schema: {where or 'the line'}: {error.message[:300]}"
    return _seen[kind]


def complaints(rows, most=3):
    """At most that many of what is wrong with rows; empty where the schemas cannot be asked, which the runners say by `available`."""
    if jsonschema is None:
        return []
    found = []
    for row in rows:
        wrong = complaint(row)
        if wrong is not None and wrong not in found:
            found.append(wrong)
            if len(found) == most:
                break
    return found


class Wrong(Exception):
    """A line that is not what the schema says."""


def read(text):
    """The rows of such lines; raises Wrong at what is none."""
    rows = [json.loads(line) for line in text.split("\n") if line]
    for wrong in complaints(rows, 1):
        raise Wrong(wrong)
    return rows


def available():
    return jsonschema is not None


def main():
    """Lines from standard input; for people."""
    wrong = 0
    if not available():
        sys.exit(MISSING)
    for number, line in enumerate(sys.stdin, 1):
        said = complaint(json.loads(line))
        if said is not None:
            wrong += 1
            print(f"line {number}: {said}")
    print(f"{number if checked else 0} lines, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
