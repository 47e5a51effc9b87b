"""All scores as figures with units and small tables: what the command line prints and the report page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .bodies import BodyScores
from .calibration import CalibrationScores
from .clocks import ClockScores
from .cost import CostScores
from .flying_pixels import FlyingPixelScores
from .foreground import ForegroundScores
from .hota import HotaScores
from .moving_surfaces import MovingSurfaceScores
from .people import PeopleScores
from .phases import PhaseScores
from .relations import RelationF1, RelationScores
from .roles import RoleScores
from .room import RoomScores
from .scores import FAMILIES, Scores
from .tools import ToolScores
from .tracks import TrackScores
from .uncertainty import UncertaintyScores

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, its value (None = not defined here) and its unit ("" = a plain number)."""

    name: str
    value: int | float | None
    unit: str = ""

    def describe(self) -> str:
        """For people, such as "recall 98.7 %"."""
        unit = f" {self.unit}" if self.unit and self.value is not None else ""
        return f"{self.name} {format_cell(self.value)}{unit}"


@dataclass(frozen=True, slots=True)
class Rows:
    """A small table; units stand in the names of the columns."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[Cell]]


@dataclass(frozen=True, slots=True)
class Section:
    """One family: its figures and tables, or why it is absent."""

    family: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Rows, ...] = ()
    absent: str | None = None

    @property
    def title(self) -> str:
        """The name of the family in words."""
        return self.family.replace("_", " ")


def summarise(scores: Scores) -> tuple[Section, ...]:
    """All families, in the order of the pipeline."""
    sections = []
    for family in FAMILIES:
        value = getattr(scores, family)
        if value is None:
            sections.append(Section(family, absent=scores.absent.get(family, "")))
        else:
            sections.append(Section(family, *SUMMARIES[family](value)))
    return tuple(sections)


def format_cell(value: Cell) -> str:
    """A value as people read it: up to four digits and three decimals, "-" for what is not defined."""
    if value is None:
        return "-"
    if isinstance(value, float):
        decimals = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if decimals else text
        return "0" if text == "-0" else text
    return str(value)


Summary = tuple[tuple[Figure, ...], tuple[Rows, ...]]


def _calibration(s: CalibrationScores) -> Summary:
    figures = (
        Figure("position error", s.position_mm, "mm"),
        Figure("rotation error", s.rotation_deg, "deg"),
        Figure("worst position", s.worst_position_mm, "mm"),
        Figure("worst rotation", s.worst_rotation_deg, "deg"),
        Figure("scale error", s.scale_percent, "%"),
        Figure("cameras missing", s.num_missing),
        Figure("world apart", s.gauge_mm, "mm"),
        Figure("world turned", s.gauge_deg, "deg"),
    )
    rows: list[list[Cell]] = [[name, e.position_mm, e.rotation_deg] for name, e in s.cameras.items()]
    return figures, (Rows("cameras", ("camera", "position mm", "rotation deg"), rows),)


def _clocks(s: ClockScores) -> Summary:
    figures = (
        Figure("offset error", s.offset_ms, "ms"),
        Figure("drift error", s.drift_ppm, "ppm"),
        Figure("pair skew, 95th percentile", s.pair_skew_p95_ms, "ms"),
        Figure("common offset", s.common_offset_ms, "ms"),
        Figure("cameras missing", s.num_missing),
    )
    rows: list[list[Cell]] = [[name, e.offset_ms, e.drift_ppm] for name, e in s.cameras.items()]
    return figures, (Rows("clocks", ("camera", "offset ms", "drift ppm"), rows),)


def _foreground(s: ForegroundScores) -> Summary:
    rows: list[list[Cell]] = [
        [name, percent(c.iou), percent(c.precision), percent(c.recall), c.num_frames] for name, c in s.cameras.items()
    ]
    columns = ("camera", "IoU %", "precision %", "recall %", "frames")
    return (Figure("IoU", percent(s.iou), "%"),), (Rows("cameras", columns, rows),)


def _flying_pixels(s: FlyingPixelScores) -> Summary:
    return (
        Figure("precision", percent(s.precision), "%"),
        Figure("recall", percent(s.recall), "%"),
        Figure("flying", percent(s.flying_share), "% of returns"),
        Figure("judged", s.num_judged, "pixels"),
    ), ()


def _room(s: RoomScores) -> Summary:
    figures = (
        Figure("accuracy, median", s.accuracy_median_mm, "mm"),
        Figure("mean", s.accuracy_mean_mm, "mm"),
        Figure("90th percentile", s.accuracy_p90_mm, "mm"),
    )
    rows: list[list[Cell]] = [
        [key.replace("_", " "), *(percent((part or {}).get(key)) for part in (s.precision, s.completeness, s.f_score))]
        for key in s.precision
    ]
    return figures, (Rows("surface", ("within", "precision %", "completeness %", "F %"), rows),)


def _hota(s: HotaScores | None) -> tuple[Figure, ...]:
    if s is None:
        return ()
    return (
        Figure("HOTA", percent(s.hota), "%"), Figure("DetA", percent(s.det_a), "%"),
        Figure("AssA", percent(s.ass_a), "%"), Figure("HOTA at 0.5 m", percent(s.at_50_cm), "%"),
        Figure("at 0.3 m", percent(s.at_30_cm), "%"),
    )  # fmt: skip


def _tracks(s: TrackScores) -> Summary:
    figures = (
        Figure("recall", percent(s.recall), "%"),
        Figure("precision", percent(s.precision), "%"),
        Figure("IDF1", percent(s.idf1), "%"),
        Figure("MOTA", percent(s.mota), "%"),
        Figure("identity switches", s.num_switches),
        Figure("ghosts", s.num_ghosts),
        Figure("error on the ground", _scaled(s.rmse_m, 100), "cm"),
        Figure("in space", _scaled(s.rmse_3d_m, 100), "cm"),
        *_hota(s.hota),
    )
    rows: list[list[Cell]] = [
        [name, e.track_id or "-", percent(e.recall), _scaled(e.rmse_m, 100), e.num_identities, e.num_switches]
        for name, e in sorted(s.entities.items())
    ]
    return figures, (Rows("things", ("true", "track", "recall %", "error cm", "identities", "switches"), rows),)


def _people(s: PeopleScores) -> Summary:
    figures = (
        Figure("MPJPE", s.mpjpe_mm, "mm"),
        Figure("MPJPE of seen joints", s.mpjpe_seen_mm, "mm"),
        Figure("PCP3D", percent(s.pcp3d), "%"),
        Figure("recall at 500 mm", percent(s.recall), "%"),
        Figure("of seen people", percent(s.recall_seen), "%"),
        Figure("precision", percent(s.precision), "%"),
        Figure("joints found", percent(s.joint_recall), "%"),
        Figure("IDF1", percent(s.idf1), "%"),
        Figure("MOTA", percent(s.mota), "%"),
        Figure("identity switches", s.num_switches),
        Figure("ghosts", s.num_ghosts),
        *_hota(s.hota),
    )
    people: list[list[Cell]] = [
        [name, p.track_id or "-", percent(p.recall), p.mpjpe_mm, p.num_identities, p.num_switches]
        for name, p in sorted(s.people.items())
    ]
    limbs: list[list[Cell]] = [[name.replace("_", " "), percent(share)] for name, share in s.pcp3d_by_limb.items()]
    columns = ("true", "skeleton", "recall %", "MPJPE mm", "identities", "switches")
    return figures, (Rows("people", columns, people), Rows("limbs", ("limb", "PCP3D %"), limbs))


def _bodies(s: BodyScores) -> Summary:
    return (
        Figure("mesh to truth", s.to_truth_mm, "mm"),
        Figure("truth to mesh", s.from_truth_mm, "mm"),
        Figure("in free space", percent(s.free_space_share), "%"),
        Figure("meshes", s.num_meshes),
    ), ()


def _moving_surfaces(s: MovingSurfaceScores) -> Summary:
    figures = (
        Figure("surface to truth, median", s.median_mm, "mm"),
        Figure("90th percentile", s.p90_mm, "mm"),
        Figure("points within 20 mm", percent(s.near_share), "%"),
        Figure("surfaces at 12 mm or less", percent(s.good_share), "%"),
        Figure("of the true surface covered", percent(s.covered_share), "%"),
        Figure("surfaces", s.num_surfaces),
    )
    groups = {**s.people, **({} if s.in_step is None else {"all, were the clocks not late together": s.in_step})}
    rows: list[list[Cell]] = [
        [name, group.median_mm, group.p90_mm, percent(group.near_share), group.num_surfaces]
        for name, group in groups.items()
    ]
    columns = ("true", "median mm", "90th percentile mm", "within 20 mm %", "surfaces")
    return figures, (Rows("people", columns, rows),)


def _tools(s: ToolScores) -> Summary:
    figures = (
        Figure("ADD", s.add_mm, "mm"),
        Figure("ADD-S", s.add_s_mm, "mm"),
        Figure("ADD AUC", percent(s.add_auc), "%"),
        Figure("ADD-S AUC", percent(s.add_s_auc), "%"),
        Figure("within 5 cm and 5 deg", percent(s.within_5_cm_5_deg), "%"),
        Figure("tip error", s.tip_mm, "mm"),
        Figure("95th percentile", s.tip_p95_mm, "mm"),
        Figure("recall", percent(s.recall), "%"),
        Figure("while seen", percent(s.recall_seen), "%"),
        Figure("re-acquisition", s.reacquisition_s, "s"),
        Figure("reappearances", s.num_reappearances),
        Figure("never re-acquired", s.num_never_reacquired),
        Figure("identity switches", s.num_switches),
        Figure("ghosts", s.num_ghosts),
    )
    rows: list[list[Cell]] = [
        [name, percent(t.recall), t.add_mm, t.add_s_mm, percent(t.add_auc), t.tip_mm, t.reacquisition_s]
        for name, t in sorted(s.tools.items())
    ]
    columns = ("true", "recall %", "ADD mm", "ADD-S mm", "ADD AUC %", "tip mm", "re-acquisition s")
    return figures, (Rows("tools", columns, rows),)


def _relations(s: RelationScores) -> Summary:
    own = s.f1()
    figures = (
        Figure("F1 by instant", percent(own.frames), "%"),
        Figure("mean over predicates", percent(own.frames_macro), "%"),
        Figure("F1 by interval", percent(own.intervals), "%"),
        Figure("mean over predicates", percent(own.intervals_macro), "%"),
        Figure("recall of unknown", percent(s.unknown_recall), "%"),
        Figure("ignored", s.num_ignored, "rows"),
    )
    rows: list[list[Cell]] = []
    for name, frames in s.frames_by_predicate.items():
        ratios, intervals = frames.to_json(), s.intervals_by_predicate[name].to_json()
        values = (ratios["precision"], ratios["recall"], ratios["f1"], intervals["f1"])
        rows.append([name, *(percent(value) for value in values), intervals["support"], intervals["claimed"]])
    columns = ("predicate", "precision %", "recall %", "F1 % by instant", "F1 % by interval", "true", "claimed")
    tables = [Rows("predicates", columns, rows)]
    if s.absent:
        tables.append(Rows("absent: the twin does not look for them", ("predicate",), [[name] for name in s.absent]))
    if s.shifted is not None:
        shifts: Mapping[str, RelationF1] = {**s.shifted, "1": own}
        lines: list[list[Cell]] = [
            [f"x {factor}", *map(percent, (f1.frames, f1.frames_macro, f1.intervals, f1.intervals_macro))]
            for factor, f1 in sorted(shifts.items(), key=lambda entry: float(entry[0]))
        ]  # fmt: skip
        columns = ("thresholds", "F1 % by instant", "mean of predicates", "F1 % by interval", "mean of predicates")
        tables.append(Rows("with other thresholds", columns, lines))
    return figures, tuple(tables)


def _roles(s: RoleScores) -> Summary:
    figures = (
        Figure("accuracy", percent(s.accuracy), "%"),
        Figure("of all people, found or not", percent(s.accuracy_of_all), "%"),
    )
    rows: list[list[Cell]] = [
        [role, percent(share), ", ".join(f"{said or 'not said'} {count}" for said, count in s.confusion[role].items())]
        for role, share in s.by_role.items()
    ]
    return figures, (Rows("roles", ("true role", "accuracy %", "called, instants"), rows),)


def _phases(s: PhaseScores) -> Summary:
    figures = (
        Figure("accuracy", percent(s.accuracy), "%"),
        Figure("macro F1", percent(s.macro_f1), "%"),
        Figure("edit score", percent(s.edit), "%"),
    )
    rows: list[list[Cell]] = [[name, percent(f1)] for name, f1 in s.f1.items()]
    return figures, (Rows("phases", ("phase", "F1 %"), rows),)


def _uncertainty(s: UncertaintyScores) -> Summary:
    kinds = {"track centres": s.tracks, "joints": s.joints, "camera poses": s.cameras}
    rows: list[list[Cell]] = [
        [name, kind.anees, percent(kind.coverage_95), kind.num_errors] for name, kind in kinds.items() if kind
    ]
    columns = ("of", "ANEES (1 is right)", "inside the 95 % region %", "errors")
    return (), (Rows("stated against true errors", columns, rows),)


def _cost(s: CostScores) -> Summary:
    figures = (
        Figure("processor time per camera frame", s.cpu_ms_per_frame, "ms"),
        Figure("peak memory", s.peak_memory_mb, "MB"),
        Figure("camera frames", s.num_camera_frames),
    )
    rows: list[list[Cell]] = [[stage, value] for stage, value in s.by_stage_ms.items()]
    return figures, (Rows("stages", ("stage", "ms per camera frame"), rows),)


def percent(share: float | None) -> float | None:
    """A share in [0, 1] as per cent."""
    return _scaled(share, 100)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value


SUMMARIES: Mapping[str, Callable[[Any], Summary]] = {
    "calibration": _calibration, "clocks": _clocks, "foreground": _foreground, "flying_pixels": _flying_pixels,
    "room": _room, "tracks": _tracks, "people": _people, "bodies": _bodies,
    "moving_surfaces": _moving_surfaces, "tools": _tools,
    "relations": _relations, "roles": _roles, "phases": _phases, "uncertainty": _uncertainty, "cost": _cost,
}  # fmt: skip
