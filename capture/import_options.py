"""What all importers are asked alike: which stretch of time, what to do with depth, and whether to try only."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from .arrays import RawDepthImage
from .errors import ConfigError
from .packets import NO_RETURN

NS_PER_S = 1_000_000_000
EARLIEST_DATE_NS = 946_684_800 * NS_PER_S
"""A clock that shows less than the year 2000 counts from when the camera was switched on, and knows no dates."""
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d*)?)")


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as a person names it.

    Args:
        ns: nanoseconds after the first frame, or, if `absolute`, Unix time.
        absolute: which of the two.
    """

    ns: int
    absolute: bool = False


def parse_moment(text: str, option: str) -> Moment:
    """Read seconds ("90"), a clock from the start ("1:30", "00:01:30.5") or a date ("2025-03-01T09:30:00+01:00").

    A date without a zone is UTC.

    Args:
        text: what was typed.
        option: where it was typed, for the message.

    Raises:
        ConfigError: it is none of these, or lies before the start.
    """
    text = text.strip()
    try:
        if clock := _CLOCK.fullmatch(text):
            hours, minutes, seconds = (float(part or 0) for part in clock.groups())
            if minutes < 60 and seconds < 60:
                return Moment(round((hours * 3600 + minutes * 60 + seconds) * NS_PER_S))
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", text):
            date = datetime.fromisoformat(text)
            since = (date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.fromtimestamp(0, UTC)
            return Moment((since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000, absolute=True)
        else:
            seconds = float(text)
            if math.isfinite(seconds) and 0 <= seconds < 1e9:
                return Moment(round(seconds * NS_PER_S))
    except ValueError:  # said below
        pass
    raise ConfigError(
        f"{option}: '{text}' is no moment of a recording",
        todo="give seconds from the start (90), a clock from the start (00:01:30) or a date (2025-03-01T09:30:00Z)",
    )


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """The stretch of a recording that is wanted: from `begin` until before `end`; None = open."""

    begin: Moment | None = None
    end: Moment | None = None

    @classmethod
    def parse(cls, begin: str | None, end: str | None) -> TimeSpan:
        """The span of two options --from and --to.

        Raises:
            ConfigError: one cannot be read, or they leave nothing between them.
        """
        first = None if begin is None else parse_moment(begin, "--from")
        last = None if end is None else parse_moment(end, "--to")
        if first and last and first.absolute == last.absolute and last.ns <= first.ns:
            raise ConfigError(f"--from {begin} --to {end} leaves nothing", todo="let --to be later than --from")
        return cls(first, last)

    @property
    def is_open(self) -> bool:
        """Whether everything is wanted."""
        return self.begin is None and self.end is None

    def bounds_ns(self, start_ns: int, rig_from_unix_ns: int | None = 0) -> tuple[int, int]:
        """The half-open span on the rig clock.

        Args:
            start_ns: rig time of the first frame of all cameras.
            rig_from_unix_ns: rig time minus Unix time, or None where nobody knows. 0 where the rig clock is Unix time;
                then a start before the year 2000 says that it is not.

        Raises:
            ConfigError: a date is asked for and the recording knows no dates.
        """
        knows_dates = rig_from_unix_ns is not None and start_ns - rig_from_unix_ns > EARLIEST_DATE_NS
        bounds = []
        for moment, open_ns in ((self.begin, -(2**62)), (self.end, 2**62)):
            if moment is None:
                bounds.append(open_ns)
            elif not moment.absolute:
                bounds.append(start_ns + moment.ns)
            elif knows_dates:
                bounds.append(moment.ns + (rig_from_unix_ns or 0))
            else:
                raise ConfigError(
                    "a date was given, and the recording knows no dates",
                    why="its times count from when the camera was switched on",
                    todo="give seconds or HH:MM:SS from the start",
                )
        return bounds[0], bounds[1]

    def to_json(self) -> dict[str, int | bool | None]:
        """What recording.json says of it."""
        return {
            name: None if moment is None else moment.ns for name, moment in (("from", self.begin), ("to", self.end))
        } | {"absolute": any(moment.absolute for moment in (self.begin, self.end) if moment)}


@dataclass(frozen=True, slots=True)
class DepthPolicy:
    """What becomes of depth: kept as it is, kept within a range, or left out.

    Args:
        keep: False leaves depth out.
        nearest_m, farthest_m: what lies outside becomes "no return".
    """

    keep: bool = True
    nearest_m: float = 0.0
    farthest_m: float = math.inf

    @classmethod
    def parse(cls, text: str) -> DepthPolicy:
        """Read "keep", "none", or a range in metres such as "0.3:5".

        Raises:
            ConfigError: it is none of these.
        """
        if text in ("keep", "none"):
            return cls(keep=text == "keep")
        near, found, far = text.partition(":")
        try:
            nearest_m, farthest_m = float(near or 0), float(far or "inf")
        except ValueError:
            nearest_m = farthest_m = math.nan
        if not found or not 0 <= nearest_m < farthest_m:
            raise ConfigError(
                f"--depth: '{text}' is no rule for depth",
                todo="give keep, none, or the range to keep in metres, e.g. 0.3:5 (either end may be left out)",
            )
        return cls(nearest_m=nearest_m, farthest_m=farthest_m)

    @property
    def is_plain(self) -> bool:
        """Whether depth stays as it is."""
        return self.keep and self.nearest_m == 0 and math.isinf(self.farthest_m)

    def apply(self, depth_raw: RawDepthImage | None, unit_m: float) -> RawDepthImage | None:
        """What is kept of an image.

        Args:
            depth_raw: (h, w) uint16 counts, or None.
            unit_m: metres per count.
        """
        if depth_raw is None or not self.keep:
            return None
        if self.is_plain:
            return depth_raw
        depth_m = depth_raw.astype(np.float64) * unit_m
        return np.where((depth_m >= self.nearest_m) & (depth_m <= self.farthest_m), depth_raw, NO_RETURN).astype(
            np.uint16
        )

    def to_json(self) -> str | list[float | None]:
        """What recording.json says of it."""
        if self.is_plain:
            return "keep"
        return [self.nearest_m, None if math.isinf(self.farthest_m) else self.farthest_m] if self.keep else "none"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What every importer takes.

    Args:
        span: the stretch of time that is wanted.
        depth: what becomes of depth.
        dry_run: write nothing; the report then says what the import would cost.
        check_disk: refuse to start where the disk would not suffice.
    """

    span: TimeSpan = field(default_factory=TimeSpan)
    depth: DepthPolicy = field(default_factory=DepthPolicy)
    dry_run: bool = False
    check_disk: bool = True

    def to_json(self) -> dict[str, object]:
        """What recording.json says of them; nothing where nothing was asked for."""
        return {
            **({} if self.span.is_open else {"span_ns": self.span.to_json()}),
            **({} if self.depth.is_plain else {"depth_kept_m": self.depth.to_json()}),
        }
