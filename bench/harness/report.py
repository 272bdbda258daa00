# SPDX-License-Identifier: Apache-2.0
"""Statistics of rounds, the result file, its table and the comparison with an earlier one."""

import json
import random
import statistics

RESAMPLES = 4000


def spread(values):
    """min..max, quartiles and median absolute deviation."""
    middle = statistics.median(values)
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [middle] * 3
    return {
        "min": min(values),
        "max": max(values),
        "q1": quartiles[0],
        "q3": quartiles[2],
        "mad": statistics.median(abs(value - middle) for value in values),
    }


def row(name, unit, values, **more):
    """One row of the result. `values` are the rounds; baseline and floor, where there is one, are lists of the same rounds."""
    made = {"name": name, "unit": unit, "median": statistics.median(values), "spread": spread(values)}
    for key in ("baseline", "floor"):
        rounds = more.pop(key + "_rounds", None)
        made[key] = statistics.median(rounds) if rounds else None
        if rounds:
            made[key + "_rounds"] = rounds
    made["ratio"] = made["median"] / made["floor"] if made["floor"] else None
    made["budget"] = more.pop("budget", None)
    made["runs"] = len(values)
    made["rounds"] = list(values)
    made.update(more)
    made["within_budget"] = within_budget(made)
    return made


def within_budget(made):
    """None where nothing is promised. The kind says what the budget is compared with."""
    if made["budget"] is None:
        return None
    figure = {"floor": made["ratio"], "p99": made.get("p99")}.get(made.get("budget_of"), made["median"])
    return None if figure is None else figure <= made["budget"]


def statistic(made, picked):
    """The figure that travels between machines: the ratio to the floor of the same rounds, else the median itself."""
    value = statistics.median(made["rounds"][i] for i in picked)
    if made.get("floor_rounds"):
        return value / statistics.median(made["floor_rounds"][i] for i in picked)
    return value


def change(old, new, seed=1):
    """Relative change of the statistic with its 95 % interval, by resampling whole rounds of both files."""
    source = random.Random(seed)

    def draw(made):
        count = len(made["rounds"])
        return statistic(made, [source.randrange(count) for _ in range(count)])

    plain = statistic(new, range(len(new["rounds"]))) / statistic(old, range(len(old["rounds"]))) - 1
    drawn = sorted(draw(new) / draw(old) - 1 for _ in range(RESAMPLES))
    return plain, drawn[int(RESAMPLES * 0.025)], drawn[int(RESAMPLES * 0.975)]


def compare(old_rows, new_rows):
    """Lines of text; rows that only one side has are said."""
    width = max([len(made["name"]) for made in old_rows + new_rows], default=0)
    lines = [f"{'row':<{width}} {'before':>10} {'now':>10} {'change':>8}   95 % interval"]
    old_by_name = {made["name"]: made for made in old_rows}
    for made in new_rows:
        old = old_by_name.pop(made["name"], None)
        if old is None:
            lines.append(f"{made['name']:<{width}} new")
            continue
        if old["median"] <= 0 or made["median"] <= 0:
            lines.append(f"{made['name']:<{width}} {old['median']:>10.5g} {made['median']:>10.5g}   no ratio of these")
            continue
        plain, low, high = change(old, made)
        better = made.get("better", "less")
        worse = low > 0 if better == "less" else high < 0
        improved = high < 0 if better == "less" else low > 0
        word = "worse" if worse else "better" if improved else "within noise"
        before, now = (statistic(each, range(len(each["rounds"]))) for each in (old, made))
        lines.append(f"{made['name']:<{width}} {before:>10.5g} {now:>10.5g} {plain:>+8.1%}   {low:+.1%} .. {high:+.1%}  {word}")
    lines += [f"{name:<{width}} gone" for name in old_by_name]
    lines.append("Rows with a floor are compared by their ratio to the floor of the same run, the others as they are.")
    return lines


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(rows):
    head = ("what", "unit", "baseline", "median", "min..max", "MAD", "floor", "ratio", "budget", "")
    cells = [head]
    for made in rows:
        budget = "-"
        if made["budget"] is not None:
            words = {"floor": "{:g} x floor", "p99": "{:g} (p99)"}.get(made.get("budget_of"), "{:g}")
            budget = words.format(made["budget"])
        verdict = {None: "", True: "within", False: "OVER"}[made["within_budget"]]
        cells.append(
            (
                made["name"],
                made["unit"],
                number(made["baseline"]),
                number(made["median"]),
                f"{number(made['spread']['min'])}..{number(made['spread']['max'])}",
                number(made["spread"]["mad"]),
                number(made["floor"]),
                "-" if made["ratio"] is None else f"{made['ratio']:.2f}",
                budget,
                verdict,
            )
        )
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    lines = []
    for line in cells:
        left = (line[0].ljust(widths[0]), line[1].ljust(widths[1]))
        lines.append("  ".join(left + tuple(line[i].rjust(widths[i]) for i in range(2, len(head)))).rstrip())
    for made in rows:
        if made.get("note"):
            lines.append(f"{made['name']}: {made['note']}")
    return lines


def save(path, rows):
    """One row a line, so that a stored result shows in a diff what moved."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(made) for made in rows) + "\n]\n")


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
    except ValueError:
        rows = None
    if not isinstance(rows, list) or not all(isinstance(made, dict) and {"name", "median", "rounds"} <= set(made) for made in rows):
        raise ValueError(f"{path}: not a result of bench/run")
    return rows
