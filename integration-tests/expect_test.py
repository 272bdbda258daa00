#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The judge of the end-to-end cases is judged: it must complain about every planted fault."""

import json
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import expect  # noqa: E402
import schemas  # noqa: E402

GOLDEN = Path(__file__).resolve().parent.parent / "analyzer/alert/testdata"
FINDING = json.loads((GOLDEN / "finding.json").read_text()) | {
    "eventId": "6003", "eventName": "fileless_execution", "processName": "3",
    "args": [{"name": "triggeredBy", "type": "unknown",
              "value": {"id": 715, "name": "sched_process_exec", "returnValue": 0, "args": [{"name": "pathname", "type": "string", "value": "memfd:x"}]}}]}
EVENT = json.loads((GOLDEN / "event.json").read_text()) | {
    "eventId": "257", "eventName": "openat", "args": [{"name": "pathname", "type": "string", "value": "/etc/passwd"}], "returnValue": 3}
CASE = {"findings": [{"eventName": "fileless_execution", "where": {"args.triggeredBy.args.pathname": {"prefix": "memfd:"}}}],
        "events": [{"eventName": "openat", "where": {"returnValue": {"min": 0}}, "max": 1}]}


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


class Check(unittest.TestCase):
    def complains(self, case, status, stdout, stderr, text):
        wrong = expect.check(case, status, stdout, stderr)
        self.assertTrue(any(text in line for line in wrong), wrong)

    def test_all_as_expected(self):
        self.assertEqual(expect.check(CASE, 0, lines(EVENT, FINDING), ""), [])

    def test_exit_status(self):
        self.complains(CASE, 1, lines(EVENT, FINDING), "", "exit status 1")

    def test_missing_doubled_and_unexpected_findings(self):
        self.complains(CASE, 0, lines(EVENT), "", "no finding fileless_execution")
        self.complains(CASE, 0, lines(EVENT, FINDING, FINDING), "", "unexpected finding")
        self.complains({}, 0, lines(FINDING), "", "unexpected finding")

    def test_wrong_field(self):
        wrong = json.loads(json.dumps(FINDING).replace("memfd:x", "/bin/x"))
        self.complains(CASE, 0, lines(EVENT, wrong), "", "'/bin/x'")

    def test_events(self):
        self.complains(CASE, 0, lines(FINDING), "", "0 events openat")
        self.complains(CASE, 0, lines(FINDING, EVENT, EVENT), "", "at most 1")
        self.complains({}, 0, lines(EVENT), "", "nobody selected")

    def test_stdout_is_json_only(self):
        self.complains(CASE, 0, "hello\n" + lines(EVENT, FINDING), "", "no JSON event")
        self.complains(CASE, 0, '{"a": 1}\n' + lines(EVENT, FINDING), "", "no JSON event")
        self.complains(CASE, 0, lines(EVENT, FINDING)[:-20], "", "no JSON event")

    @unittest.skipUnless(schemas.available(), schemas.MISSING)
    def test_schema(self):
        for change, words in (({"timestamp": "now"}, "timestamp"), ({"more": 1}, "more"), ({"userId": -1}, "userId"), ({"eventId": 257}, "eventId"),
                              ({"args": [{"name": "a", "type": "int32", "value": "3"}]}, "args/0"),
                              ({"vedette": {**EVENT["vedette"], "session": "x"}}, "vedette/session")):
            self.complains(CASE, 0, lines(EVENT | change, FINDING), "", words)
        lacking = {key: value for key, value in EVENT.items() if key != "kubernetes"}
        self.complains(CASE, 0, lines(lacking, FINDING), "", "kubernetes")
        self.complains(CASE, 0, lines(EVENT, FINDING | {"metadata": {}}), "", "metadata")

    def test_texts(self):
        self.complains({"stderr_has": ["x"]}, 0, "", "y", "stderr lacks 'x'")
        self.complains({"stderr_lacks": ["y"]}, 0, "", "y", "stderr has 'y'")
        self.complains({"json": False, "stdout_has": ["x"]}, 0, "y", "", "stdout lacks 'x'")

    def test_conditions(self):
        for value, want in ((3, 3), ("abc", {"prefix": "ab"}), ("abc", {"suffix": "bc"}), ("abc", {"contains": "b"}), (["a"], {"contains": "a"}),
                            (1, {"in": [1, 2]}), (5, {"min": 5}), (None, {"exists": False}), (0, {"exists": True})):
            self.assertTrue(expect.holds(value, want), (value, want))
        for value, want in ((3, 4), ("abc", {"prefix": "bc"}), (None, {"prefix": ""}), (1, {"in": [2]}), (4, {"min": 5}), (None, {"exists": True}),
                            ("abc", {"prefix": "ab", "suffix": "x"})):
            self.assertFalse(expect.holds(value, want), (value, want))


if __name__ == "__main__":
    unittest.main()
