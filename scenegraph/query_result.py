"""The answer to a query."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..capture.errors import ConfigError

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

HTML_ROWS = 50


@dataclass(frozen=True, slots=True, eq=False)
class QueryResult:
    """A table, whose columns docs/query-language.md tells, in order of recording and time.

    Args:
        expression: the query as written.
        variables: names of the variables that have columns, in order, without the question mark.
        table: the rows.
    """

    expression: str
    variables: tuple[str, ...]
    table: pa.Table

    def __len__(self) -> int:
        return self.table.num_rows

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table."""
        return self.table

    def rows(self) -> list[dict[str, Any]]:
        """The rows as dictionaries, None where a measure is absent.

        Raises:
            ConfigError: Python has no such value, as of a day in the year 290000.
        """
        try:
            return self.table.to_pylist()
        except (OverflowError, ValueError) as error:
            raise ConfigError("a value of the answer cannot be told", why=str(error)) from None

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise ConfigError(
                "the package pandas is not installed", why="ortwin itself does without it",
                todo="pip install pandas, or use .to_arrow()",
            ) from None  # fmt: skip
        return self.table.to_pandas()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.table.column_names)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>"
            for row in self.table.slice(0, HTML_ROWS).to_pylist()
        )
        more = f"<p>{len(self) - HTML_ROWS} more rows</p>" if len(self) > HTML_ROWS else ""
        caption = f"<caption>{html.escape(self.expression)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def fact_text(fact: dict[str, Any]) -> str:
    """A fact of the evidence in a few words: "holding(person_2, drill_1) 0.93, gap 0.021 m"."""
    terms = ", ".join(name for name in (fact["subject"], fact["object"]) if name)
    state = "" if fact["state"] == "true" else " unknown"
    gap = fact.get("gap_m")
    return f"{fact['predicate']}({terms}){state} {fact['score']:.2f}" + ("" if gap is None else f", gap {gap:.3f} m")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return html.escape("; ".join(fact_text(fact) for fact in value))
    return f"{value:.3f}" if isinstance(value, float) else html.escape(str(value))
