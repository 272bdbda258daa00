# SPDX-License-Identifier: Apache-2.0
"""Unit tests of the parts of the bench that can be wrong without anybody noticing."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
from harness import procfs, report  # noqa: E402
from harness.stack import parse_metrics, total  # noqa: E402


class Rows(unittest.TestCase):
    def test_row_ratio_is_of_medians(self):
        made = report.row("a", "ns", [10.0, 12.0, 50.0], floor_rounds=[10.0, 10.0, 11.0], budget=1.1, budget_of="floor")
        self.assertEqual((made["median"], made["floor"], made["runs"]), (12.0, 10.0, 3))
        self.assertAlmostEqual(made["ratio"], 1.2)
        self.assertIs(made["within_budget"], False)

    def test_row_budget_of_the_figure_itself(self):
        self.assertIs(report.row("a", "s", [0.4], budget=0.5)["within_budget"], True)
        self.assertIs(report.row("a", "s", [0.6], budget=0.5)["within_budget"], False)
        self.assertIsNone(report.row("a", "s", [0.6])["within_budget"])

    def test_row_budget_of_the_p99(self):
        self.assertIs(report.row("a", "ms", [1.0], budget=50, budget_of="p99", p99=60.0)["within_budget"], False)

    def test_row_budget_of_a_missing_floor_is_unknown(self):
        self.assertIsNone(report.row("a", "ns", [1.0], budget=1.1, budget_of="floor")["within_budget"])

    def test_row_spread(self):
        spread = report.row("a", "ns", [1.0, 2.0, 3.0, 4.0, 100.0])["spread"]
        self.assertEqual((spread["min"], spread["max"], spread["mad"]), (1.0, 100.0, 1.0))

    def test_save_then_load_is_the_same(self):
        rows = [report.row("a", "ns", [1.0, 2.0], floor_rounds=[1.0, 1.5])]
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "x.json")
            report.save(path, rows)
            self.assertEqual(report.load(path), rows)
            with open(path, "w", encoding="utf-8") as file:
                file.write('{"name": "a"}')
            with self.assertRaises(ValueError):
                report.load(path)


class Comparison(unittest.TestCase):
    OLD = report.row("a", "ns", [100.0, 101.0, 99.0, 100.0, 102.0])

    def line(self, new, **more):
        return report.compare([dict(self.OLD, **more)], [dict(new, **more)])[1]

    def test_compare_says_worse_only_beyond_the_interval(self):
        self.assertTrue(self.line(report.row("a", "ns", [120.0, 121.0, 119.0, 122.0, 120.0])).endswith("worse"))
        self.assertTrue(self.line(report.row("a", "ns", [80.0, 81.0, 79.0, 80.0, 82.0])).endswith("better"))
        self.assertTrue(self.line(report.row("a", "ns", [90.0, 115.0, 99.0, 101.0, 103.0])).endswith("within noise"))

    def test_compare_where_more_is_better(self):
        new = report.row("a", "events/s", [120.0, 121.0, 119.0, 122.0, 120.0])
        self.assertTrue(self.line(new, better="more").endswith("better"))

    def test_compare_by_ratio_to_the_floor(self):
        old = report.row("a", "ns", [100.0, 100.0], floor_rounds=[50.0, 50.0])
        new = report.row("a", "ns", [200.0, 200.0], floor_rounds=[100.0, 100.0])
        plain, low, high = report.change(old, new)
        self.assertEqual((plain, low, high), (0.0, 0.0, 0.0))

    def test_compare_names_rows_of_one_side(self):
        lines = report.compare([self.OLD], [report.row("b", "ns", [1.0])])
        self.assertTrue(any(line.startswith("a ") and line.endswith("gone") for line in lines))
        self.assertTrue(any(line.startswith("b ") and line.endswith("new") for line in lines))


class Readers(unittest.TestCase):
    def test_metrics_labels_and_values(self):
        samples = parse_metrics('# HELP x y\nx_total{class="bulk",node="a\\"b"} 3\nx_total{class="critical"} 4e1\nother 1\nx_total 1 2 3\n')
        self.assertEqual(total(samples, "x_total"), 43.0)
        self.assertEqual(total(samples, "x_total", **{"class": "bulk"}), 3.0)
        self.assertEqual(total(samples, "missing"), 0)

    def test_own_figures_are_plausible(self):
        pid = os.getpid()
        sizes = procfs.pss_bytes(pid)
        self.assertGreater(sizes["all"], 1 << 20)
        self.assertEqual((sizes["rings"], sizes["queue"]), (0, 0))
        self.assertGreater(procfs.cpu_time(pid)["total"], 0)

    def test_user_share(self):
        before = {"user": 10, "system": 10}
        self.assertEqual(procfs.user_share(before, {"user": 40, "system": 20}), 0.75)
        self.assertEqual(procfs.user_share(before, before), 0.5)


if __name__ == "__main__":
    unittest.main()
