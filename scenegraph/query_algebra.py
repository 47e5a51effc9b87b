"""The algebra of intervals in SQL: each operation adds a named step (a CTE) or a few to a statement.

Three-valued knowledge is kept as two sets of intervals for each binding: when something *certainly* holds, and when it
*may* hold, which includes the former. Unknown is the difference. Kleene's rules then come by themselves: `and`
intersects each set with its like, `or` unites them, and `not` takes from each the other one.

The rows of a step are procedure, a column "?x" for each variable, begin_ns, end_ns (half-open), certain (of which of
the two sets) and score. They are *settled*: the intervals of one procedure, binding and set neither overlap nor touch.
Every function here takes settled rows and gives settled rows; only `settle` and `minus` take any.

After J. F. Allen, Maintaining knowledge about temporal intervals (1983), and S. C. Kleene, Introduction to
metamathematics (1952), section 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: Farther from any recording than a duration reaches, and not so far that adding one overflows.
LONG_AGO_NS, FAR_AHEAD_NS = -(2**61), 2**61
BOTH_SETS = "(VALUES (true), (false)) s(certain)"
#: Which rows are taken from which: those of the other set, of the same, or of facts that are not yet in two sets.
CROSSED, ALIKE, FACTS = "l.certain != r.certain", "l.certain = r.certain", "(l.certain OR r.is_certain)"


@dataclass(slots=True, eq=False)
class Statement:
    """A SQL statement in the making: named steps, and the values that users wrote, which are bound and never text."""

    steps: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """A placeholder for a value."""
        name = f"p{len(self.values) + 1}"
        self.values[name] = value
        return f"${name}"

    def bind_all(self, values: Sequence[Any]) -> str:
        """Placeholders for a list, in parentheses; of an empty list one that matches nothing."""
        return f"({', '.join(self.bind(value) for value in values) or 'NULL'})"

    def add(self, what: str, sql: str) -> str:
        """Adds a step and gives it a name that says what it holds."""
        name = f"{what}_{len(self.steps) + 1}"
        self.steps[name] = sql
        return name

    def text(self, last: str) -> str:
        """The whole statement, ending with `last`."""
        steps = ",\n".join(f"{name} AS (\n  {sql}\n)" for name, sql in self.steps.items())
        return f"WITH {steps}\n{last}" if steps else last


@dataclass(frozen=True, slots=True)
class Rows:
    """Settled rows: the step that holds them, and their variables."""

    step: str
    variables: tuple[str, ...]


def quoted(column: str) -> str:
    """A column name as SQL."""
    return '"' + column.replace('"', '""') + '"'


def column_of(variable: str) -> str:
    """The column of a variable, quoted; its question mark keeps it apart from all other columns."""
    return quoted(f"?{variable}")


def keys_of(variables: Sequence[str], table: str = "") -> str:
    """The columns that tell bindings apart, of a table."""
    prefix = f"{table}." if table else ""
    return ", ".join(f"{prefix}{name}" for name in ("procedure", *map(column_of, variables)))


def same_keys(variables: Sequence[str], left: str, right: str) -> str:
    """The condition that two rows are of one procedure and binding."""
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in ("procedure", *map(column_of, variables)))


def settle(statement: Statement, sql: str, variables: Sequence[str]) -> Rows:
    """Unites rows that overlap or touch; their score is the best of them."""
    keys = f"{keys_of(variables)}, certain"
    over = f"OVER (PARTITION BY {keys} ORDER BY begin_ns, end_ns"
    reached = (
        f"SELECT {keys}, begin_ns, end_ns, score, coalesce(max(end_ns) {over} "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), {LONG_AGO_NS * 2}) < begin_ns AS is_apart "
        f"FROM ({sql}) WHERE begin_ns < end_ns"
    )
    # Of several rows with the same borders the one that begins a piece must be counted first.
    counted = f"count_if(is_apart) {over}, is_apart DESC ROWS UNBOUNDED PRECEDING) AS piece"
    numbered = f"SELECT {keys}, begin_ns, end_ns, score, {counted}"
    united = f"SELECT {keys}, min(begin_ns) AS begin_ns, max(end_ns) AS end_ns, max(score) AS score"
    step = statement.add("united", f"{united} FROM ({numbered} FROM ({reached})) GROUP BY {keys}, piece")
    return Rows(step, tuple(variables))


def meet(statement: Statement, left: Rows, right: Rows) -> Rows:
    """`and`: where both hold; the score is the lesser."""
    shared = [name for name in right.variables if name in left.variables]
    variables = (*left.variables, *(name for name in right.variables if name not in left.variables))
    own = "".join(f", r.{column_of(name)}" for name in variables[len(left.variables) :])
    step = statement.add(
        "both",
        f"SELECT {keys_of(left.variables, 'l')}{own}, greatest(l.begin_ns, r.begin_ns) AS begin_ns, "
        f"least(l.end_ns, r.end_ns) AS end_ns, l.certain, least(l.score, r.score) AS score "
        f"FROM {left.step} l JOIN {right.step} r ON {same_keys(shared, 'l', 'r')} AND l.certain = r.certain "
        "AND l.begin_ns < r.end_ns AND r.begin_ns < l.end_ns",
    )
    return Rows(step, variables)


def minus(statement: Statement, left: Rows, sql: str, variables: Sequence[str], sets: str = CROSSED) -> Rows:
    """`and not`: the left rows where those of any `sql`, whose variables are among the left ones, do not hold.

    Args:
        statement: to which the steps are added.
        left: what remains in part.
        sql, variables: rows, settled or not, and their variables.
        sets: which rows r are taken from a row l. What certainly holds goes without what may hold, and the other way
            round, as `not` wants it.
    """
    keys = f"{keys_of(left.variables, 'l')}, l.certain, l.score, l.begin_ns AS from_ns, l.end_ns AS to_ns"
    holes = statement.add(
        "holes",
        f"SELECT {keys}, greatest(l.begin_ns, r.begin_ns) AS begin_ns, least(l.end_ns, r.end_ns) AS end_ns "
        f"FROM {left.step} l JOIN ({sql}) r ON {same_keys(variables, 'l', 'r')} AND {sets} "
        "AND l.begin_ns < r.end_ns AND r.begin_ns < l.end_ns "
        f"UNION ALL SELECT {keys}, l.end_ns, l.end_ns FROM {left.step} l",
    )
    names = f"{keys_of(left.variables)}, certain"
    over = f"OVER (PARTITION BY {names}, from_ns ORDER BY begin_ns, end_ns"
    gaps = (
        f"SELECT {names}, score, begin_ns AS end_ns, coalesce(max(end_ns) {over} "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), from_ns) AS begin_ns FROM {holes}"
    )
    step = statement.add("without", f"SELECT {names}, begin_ns, end_ns, score FROM ({gaps}) WHERE begin_ns < end_ns")
    return Rows(step, left.variables)


def lasting(statement: Statement, rows: Rows, compare: str, length_ns: int) -> Rows:
    """The rows whose unbroken length is more (less, ...) than one.

    What may be longer may also be cut short by what is not known. So something certainly lasts less than a time where
    even all that may belong to it is shorter, and it may last less unless what is certain is too long already.
    """
    length = statement.bind(length_ns)
    fits = f"end_ns - begin_ns {compare} {length}"
    if compare in (">", ">="):
        step = statement.add("long", f"SELECT * FROM {rows.step} WHERE {fits}")
        return Rows(step, rows.variables)
    same = f"{same_keys(rows.variables, 'c', 'm')} AND m.begin_ns <= c.begin_ns AND c.end_ns <= m.end_ns"
    maybe = f"(SELECT * FROM {rows.step} WHERE NOT certain)"
    short = statement.add(
        "short",
        f"SELECT c.* FROM {rows.step} c JOIN {maybe} m ON {same} WHERE c.certain AND m.end_ns - m.begin_ns {compare} "
        f"{length}",
    )
    possible = statement.add("possible", f"SELECT * FROM {rows.step} WHERE NOT certain")
    long = f"SELECT * REPLACE (false AS certain) FROM {rows.step} WHERE certain AND NOT ({fits})"
    left = minus(statement, Rows(possible, rows.variables), long, rows.variables, ALIKE)
    step = statement.add("brief", f"SELECT * FROM {short} UNION ALL BY NAME SELECT * FROM {left.step}")
    return Rows(step, rows.variables)


def in_doubt(statement: Statement, rows: Rows) -> Rows:
    """What may hold and does not certainly hold: what is unknown."""
    same = f"{same_keys(rows.variables, 'm', 'c')} AND m.begin_ns = c.begin_ns AND m.end_ns = c.end_ns"
    certain = f"SELECT * REPLACE (false AS certain) FROM {rows.step} WHERE certain"
    possible = statement.add(
        "possible",
        f"SELECT * FROM (SELECT * FROM {rows.step} WHERE NOT certain) m ANTI JOIN ({certain}) c ON {same}",
    )
    return minus(statement, Rows(possible, rows.variables), certain, rows.variables, ALIKE)


def near(statement: Statement, rows: Rows, *, before: bool, within_ns: int | None) -> Rows:
    """When the rows do not hold and will (`before`), or did, at most `within_ns` away, above 0; None for any time.

    Where something may hold for a while, it may also not hold yet and hold a moment later. So rows are stretched to
    one side, and what certainly holds then taken away.
    """
    within = statement.bind(FAR_AHEAD_NS if within_ns is None else within_ns)
    shifted = (
        f"begin_ns - {within} AS begin_ns, end_ns - 1 AS end_ns"
        if before
        else f"begin_ns + 1 AS begin_ns, end_ns + {within} AS end_ns"
    )
    keys = keys_of(rows.variables)
    clipped = statement.add(
        "beside",
        f"SELECT {keys_of(rows.variables, 'n')}, greatest(n.begin_ns, d.begin_ns) AS begin_ns, "
        "least(n.end_ns, d.end_ns) AS end_ns, n.certain, n.score "
        f"FROM (SELECT {keys}, {shifted}, certain, score FROM {rows.step}) n JOIN procedures d USING (procedure)",
    )
    beside = settle(statement, f"SELECT * FROM {clipped}", rows.variables)
    return minus(statement, beside, f"SELECT * FROM {rows.step}", rows.variables)


def everywhere(statement: Statement, variables: Sequence[str] = (), among: str = "") -> Rows:
    """The whole of each recording, for each binding of some rows, certainly."""
    source = f"(SELECT DISTINCT {keys_of(variables)} FROM {among})" if among else "(SELECT procedure FROM procedures)"
    step = statement.add(
        "everywhere",
        f"SELECT {keys_of(variables, 'k')}, d.begin_ns, d.end_ns, s.certain, 1.0::FLOAT AS score "
        f"FROM {source} k JOIN procedures d USING (procedure) CROSS JOIN {BOTH_SETS}",
    )
    return Rows(step, tuple(variables))
