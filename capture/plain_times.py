"""The times of a plain folder: timestamps.csv, what is absurd in it, and the clocks that lay cameras on one time."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .clock import ClockModel
from .errors import InputError

LONGEST_PAUSE_NS = 3_600_000_000_000
"""No camera pauses for an hour within one recording: what lies farther apart is another clock or another recording."""
LARGEST_DELAY_CHANGE_NS = 60_000_000_000
"""Quartz drifts by seconds a day: where a frame's delay differs from the usual by a minute, a stamp is wrong."""
LARGEST_NS = 2**62
TOLERATED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a frame was taken: the camera's own time, the host's if known, and where that is written."""

    device_ns: int
    host_ns: int | None
    place: str


def read_timestamps(path: Path, camera_id: str) -> tuple[dict[int, Stamp], dict[str, str]] | None:
    """The stamps of one camera by frame number, and what is wrong with the rows that repeat a frame, by place.

    Args:
        path: timestamps.csv; None comes back where there is none.
        camera_id: its camera.

    Raises:
        InputError: the file cannot be read, or a row has no whole numbers; names file and row.
    """
    stamps: dict[int, Stamp] = {}
    repeated: dict[str, str] = {}
    row = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            for entry in reader:
                row = reader.line_num
                device, host = (entry.get("device_ns") or "").strip(), (entry.get("host_ns") or "").strip()
                if not device and not host:
                    continue
                index, place = int(entry["index"]), f"{camera_id}/timestamps.csv, row {row}"
                if index in stamps:
                    repeated[place] = f"frame {index} has a time already, in row {stamps[index].place.split()[-1]}"
                    continue
                stamps[index] = Stamp(int(device or host), int(host) if host else None, place)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError("timestamps.csv cannot be read", where=str(path), why=error.strerror or "") from error
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            "timestamps.csv needs the columns index,device_ns,host_ns with whole numbers",
            where=f"{path}, row {row}", why=repr(error),
        ) from error  # fmt: skip
    return stamps, repeated


def absurd_times(stamps: Mapping[int, Stamp], where: str) -> dict[int, str]:
    """What is wrong with the times of one camera, by frame number; the rest runs forwards without long pauses.

    Of times that lie more than an hour apart the larger group is believed, and in it the largest set of frames whose
    times never run backwards.

    Args:
        stamps: by frame number.
        where: named if nothing can be believed.

    Raises:
        InputError: more than a few times are absurd, so that nobody can say which are right.
    """
    wrong = {index: _out_of_range(stamp) for index, stamp in stamps.items() if _out_of_range(stamp)}
    order = sorted(stamps.keys() - wrong.keys())
    times = [stamps[index].device_ns for index in order]
    together = sorted(max(_groups(times), key=len, default=[]))
    kept = [together[at] for at in _longest_forward([times[at] for at in together])]
    believed = [times[at] for at in kept]
    for at in sorted(set(range(len(order))) - set(kept)):
        after = bisect_right(believed, times[at])
        near_ns = min(abs(time - times[at]) for time in believed[max(0, after - 1) : after + 1])
        far = near_ns > LONGEST_PAUSE_NS
        wrong[order[at]] = (
            f"its time lies {near_ns / 3.6e12:.3g} h from all others" if far else "its time runs backwards"
        )
    wrong |= _wrong_delays({index: stamp for index, stamp in stamps.items() if index not in wrong})
    if len(wrong) > max(1, TOLERATED_SHARE * len(stamps)):
        first = min(wrong)
        raise InputError(
            f"{len(wrong)} of {len(stamps)} times are impossible", where=f"{where}: {stamps[first].place}",
            why=f"frame {first}: {wrong[first]}",
            todo="see whether the clock was set anew in between; import what lies more than an hour apart on its own",
        )  # fmt: skip
    return wrong


def _out_of_range(stamp: Stamp) -> str:
    values = (stamp.device_ns, stamp.host_ns or 0)
    if min(values) < 0:
        return "its time is negative"
    return "its time is too large" if max(values) >= LARGEST_NS else ""


def _longest_forward(times: list[int]) -> list[int]:
    """Positions of a longest subsequence that never decreases (patience sorting, Fredman 1975)."""
    tops: list[int] = []
    top_at: list[int] = []
    before: list[int] = []
    for at, time in enumerate(times):
        pile = bisect_right(tops, time)
        before.append(top_at[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [time]
        top_at[pile : pile + 1] = [at]
    chain, at = [], top_at[-1] if top_at else -1
    while at >= 0:
        chain.append(at)
        at = before[at]
    return chain[::-1]


def _groups(times: list[int]) -> list[list[int]]:
    """The positions in groups between which there is more than an hour."""
    groups: list[list[int]] = []
    for at in sorted(range(len(times)), key=times.__getitem__):
        if not groups or times[at] - times[groups[-1][-1]] > LONGEST_PAUSE_NS:
            groups.append([])
        groups[-1].append(at)
    return groups


def _wrong_delays(stamps: Mapping[int, Stamp]) -> dict[int, str]:
    delays = {index: stamp.host_ns - stamp.device_ns for index, stamp in stamps.items() if stamp.host_ns is not None}
    if not delays:
        return {}
    usual_ns = sorted(delays.values())[len(delays) // 2]
    return {
        index: f"its host_ns lies {abs(delay - usual_ns) / 1e9:.0f} s off, going by its device_ns"
        for index, delay in delays.items()
        if abs(delay - usual_ns) > LARGEST_DELAY_CHANGE_NS
    }


def clocks_of(stamps: Mapping[str, list[Stamp]]) -> dict[str, ClockModel]:
    """Device clocks that have their own zero are laid on the host's by the smallest delay seen (as NTP does).

    Args:
        stamps: those of the frames that are taken, by camera; at least one each.

    Raises:
        InputError: the cameras' times lie more than an hour apart: they do not count from the same moment.
    """
    clocks, spans = {}, []
    for name, mine in stamps.items():
        pairs = [(stamp.device_ns, stamp.host_ns) for stamp in mine if stamp.host_ns is not None]
        offset_ns = min((host - device for device, host in pairs), default=0)
        clocks[name] = ClockModel(offset_ns, 0.0, pairs[0][0] if pairs else 0)
        times = [stamp.device_ns + offset_ns for stamp in mine]
        spans.append((min(times), max(times), name))
    spans.sort()
    for at in range(1, len(spans)):
        end_ns = max(last_ns for _, last_ns, _ in spans[:at])
        if spans[at][0] - end_ns > LONGEST_PAUSE_NS:
            early, late = ([name for _, _, name in part] for part in (spans[:at], spans[at:]))
            raise InputError(
                "the cameras do not keep the same time", where=", ".join(f"{n}/timestamps.csv" for n in early + late),
                why=f"{', '.join(late)} begins {(spans[at][0] - end_ns) / 3.6e12:.4g} h after {', '.join(early)} ended",
                todo="give device_ns of all cameras on one clock, or host_ns for all of them",
            )  # fmt: skip
    return clocks
