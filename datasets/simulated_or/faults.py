"""What goes wrong in a recording, and the plan of all frames that comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ...capture.camera import CameraRig
from ...capture.errors import ConfigError
from ...capture.geometry import SE3
from ...capture.rig_file import pose_to_json
from .clocks import CameraClock

SHARES = ("drop_share", "duplicate_share", "backward_share", "corrupt_share")


@dataclass(frozen=True, slots=True)
class FaultConfig:
    """What goes wrong. By default nothing does.

    Args:
        drop_share: share of frames that are lost one by one.
        num_gaps, gap_s: how often a camera (drawn each time) stutters, and for how long.
        num_losses, loss_s, loss_at_s: how many cameras are unplugged, for how long, from when (None = drawn).
        num_bumps, bump_deg, bump_m, bump_at_s: how many cameras are run into, how far they turn and move, when.
        duplicate_share: share of frames that carry the stamp of the frame before.
        backward_share, backward_s: share of frames whose stamp lies before that of the frame before, and how far.
        corrupt_share: share of frames whose picture is damaged.
        num_stalls, stall_s: how often the host stops taking frames, of all cameras, and for how long; none is lost.
        num_clock_jumps, clock_jump_s: how often the clock of a camera (drawn each time) jumps, and by how much;
            negative is backward.

    Raises:
        ConfigError: a number is negative, or a share is above 1.
    """

    drop_share: float = 0.0
    num_gaps: int = 0
    gap_s: float = 0.7
    num_losses: int = 0
    loss_s: float = 4.0
    loss_at_s: float | None = None
    num_bumps: int = 0
    bump_deg: float = 2.5
    bump_m: float = 0.03
    bump_at_s: float | None = None
    duplicate_share: float = 0.0
    backward_share: float = 0.0
    backward_s: float = 0.05
    corrupt_share: float = 0.0
    num_stalls: int = 0
    stall_s: float = 0.25
    num_clock_jumps: int = 0
    clock_jump_s: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "clock_jump_s" and np.isfinite(value):
                continue
            most = 1.0 if field.name in SHARES else np.inf
            if value is not None and not 0 <= value <= most:
                limits = "in [0, 1]" if field.name in SHARES else "at least 0"
                raise ConfigError(f"the fault {field.name} must be {limits}, got {value}")

    @classmethod
    def realistic(cls) -> FaultConfig:
        """A normal day: every fault, each as often as rigs in operating rooms show it."""
        return cls(
            drop_share=0.01, num_gaps=1, num_losses=1, num_bumps=1, duplicate_share=0.003, backward_share=0.002,
            corrupt_share=0.003, num_stalls=1,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shot:
    """One exposure of one camera.

    Args:
        camera_id, index: which camera, and its own count of frames; the indices of dropped frames are missing later.
        rig_ns: when it is exposed, rig time.
        device_ns: what its stamp says; the camera's clock maps it to rig_ns unless the state says otherwise.
        host_ns: when the host receives it.
        state: "ok", "dropped", "corrupt" (a damaged picture), "duplicate" (the stamp of the frame before), or
            "backward" (a stamp before that).
        overlapping: share of the exposure during which other cameras light the room, 0..1.
    """

    camera_id: str
    index: int
    rig_ns: int
    device_ns: int
    host_ns: int
    state: str
    overlapping: float

    @property
    def delivered(self) -> bool:
        """Whether a recording holds this frame."""
        return self.state != "dropped"


@dataclass(frozen=True, slots=True, eq=False)
class Bump:
    """A camera stands elsewhere from a moment on."""

    camera_id: str
    rig_ns: int
    world_from_camera: SE3


@dataclass(frozen=True, slots=True)
class Absence:
    """A camera delivers nothing in [begin_ns, end_ns); `kind` is "gap" or "loss"."""

    camera_id: str
    kind: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class ClockJump:
    """From a moment of rig time on, the stamps of a camera are later by `jump_ns` than its clock says."""

    camera_id: str
    rig_ns: int
    jump_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The plan of a recording: every frame of every camera, and where the cameras stand.

    Args:
        rig: the cameras where they stand at the begin.
        clocks: their true clocks.
        shots: frames by camera, in the order of exposure, the dropped ones included.
        bumps: in the order of time.
        absences: when cameras stuttered or were unplugged.
        stalls_ns: (begin, end) of the times in which the host took no frame.
        clock_jumps: in the order of time.
    """

    rig: CameraRig
    clocks: Mapping[str, CameraClock]
    shots: Mapping[str, tuple[Shot, ...]]
    bumps: tuple[Bump, ...] = ()
    absences: tuple[Absence, ...] = ()
    stalls_ns: tuple[tuple[int, int], ...] = ()
    clock_jumps: tuple[ClockJump, ...] = ()

    def pose(self, camera_id: str, rig_ns: int) -> SE3:
        """world_from_camera in force at a moment."""
        pose = self.rig[camera_id].world_from_camera
        for bump in self.bumps:
            if bump.camera_id == camera_id and bump.rig_ns <= rig_ns:
                pose = bump.world_from_camera
        return pose

    def delivered(self) -> Iterator[Shot]:
        """Every frame that the recording holds, in the order of exposure."""
        shots = [shot for one in self.shots.values() for shot in one if shot.delivered]
        return iter(sorted(shots, key=lambda shot: (shot.rig_ns, shot.camera_id)))

    def _jump_entry(self, jump: ClockJump) -> dict[str, Any]:
        """A jump, and the position and stamp of the first recorded frame after it that is not false (-1 = none)."""
        recorded = [shot for shot in self.shots[jump.camera_id] if shot.delivered]
        later = (k for k, s in enumerate(recorded) if s.rig_ns >= jump.rig_ns and s.state in ("ok", "corrupt"))
        position = next(later, -1)
        stamp_ns = recorded[position].device_ns if position >= 0 else 0
        return {**asdict(jump), "position": position, "device_ns": stamp_ns}

    def to_json(self) -> dict[str, Any]:
        """What went wrong, as truth/faults.json holds it: times in ns of rig time, and every frame that is not ok."""
        return {
            "absences": [
                {"camera_id": one.camera_id, "kind": one.kind, "begin_ns": one.begin_ns, "end_ns": one.end_ns}
                for one in self.absences
            ],
            "bumps": [
                {"camera_id": bump.camera_id, "rig_ns": bump.rig_ns, **_pose_entry(bump.world_from_camera)}
                for bump in self.bumps
            ],
            "clock_jumps": [self._jump_entry(jump) for jump in self.clock_jumps],
            "host_stalls": [{"begin_ns": begin_ns, "end_ns": end_ns} for begin_ns, end_ns in self.stalls_ns],
            "frames": [
                {"camera_id": shot.camera_id, "index": shot.index, "rig_ns": shot.rig_ns, "state": shot.state}
                for shots in self.shots.values()
                for shot in shots
                if shot.state != "ok"
            ],
        }  # fmt: skip


def schedule(
    rig: CameraRig, seconds: float, fps: float, clocks: Mapping[str, CameraClock], faults: FaultConfig, seed: int
) -> Schedule:
    """Plan every frame of a recording.

    Args:
        rig: the cameras where they stand at the begin.
        seconds: length, rig time from 0.
        fps: frames per second of each camera.
        clocks: the clock of every camera of the rig.
        faults: what goes wrong.
        seed: everything follows from it.
    """
    names, end_ns = list(rig.cameras), round(seconds * 1e9)
    rngs = {name: np.random.default_rng([seed, 7, number]) for number, name in enumerate(names)}
    exposures = {name: clocks[name].exposures(seconds, fps, rngs[name]) for name in names}
    rng = np.random.default_rng([seed, 8])
    absences = (*_absences(names, end_ns, faults, rng),)
    bumps = _bumps(rig, end_ns, faults, rng)
    stalls_ns = _spans(end_ns, faults.num_stalls, faults.stall_s, None, rng)
    jumps = _clock_jumps(names, end_ns, faults, np.random.default_rng([seed, 10]))
    shots = {}
    for name in names:
        rig_ns, true_device_ns = exposures[name]
        arrivals_ns = _stalled(clocks[name].arrivals(rig_ns, rngs[name]), stalls_ns)
        state = _states(name, rig_ns, absences, faults, rngs[name])
        for jump in jumps:
            if jump.camera_id == name:
                true_device_ns = true_device_ns + np.where(rig_ns >= jump.rig_ns, jump.jump_ns, 0)
        device_ns = _stamps(true_device_ns, state, faults)
        others = [exposures[other][0] for other in names if other != name]
        overlapping = _overlapping(rig_ns, others, clocks[name])
        rows = zip(rig_ns.tolist(), device_ns.tolist(), arrivals_ns.tolist(), state, overlapping.tolist(), strict=True)
        shots[name] = tuple(Shot(name, index, *row) for index, row in enumerate(rows))
    return Schedule(rig, dict(clocks), shots, bumps, absences, stalls_ns, jumps)


def spoil(packet: bytes, shot: Shot, seed: int) -> bytes:
    """A damaged copy of a frame's packet, as a full buffer or a loose plug leaves it: cut short, or overwritten."""
    rng = np.random.default_rng([seed, 9, shot.index, shot.rig_ns])
    if rng.random() < 0.5:
        return packet[: int(len(packet) * rng.uniform(0.05, 0.8))]
    spoiled = bytearray(packet)
    length = min(len(spoiled), max(64, len(spoiled) // 3))
    spoiled[:length] = rng.bytes(length)
    return bytes(spoiled)


def _pose_entry(world_from_camera: SE3) -> dict[str, Any]:
    return {"world_from_camera": pose_to_json(world_from_camera)}


def _knocked(world_from_camera: SE3, deg: float, distance_m: float, rng: np.random.Generator) -> SE3:
    """The pose of a camera after somebody ran into it: turned by an angle in degrees, and pushed by a distance."""
    axis, push = rng.normal(size=(2, 3))
    turn_rad = axis / np.linalg.norm(axis) * np.deg2rad(deg)
    return world_from_camera @ SE3.exp(np.concatenate([turn_rad, push / np.linalg.norm(push) * distance_m]))


def _spans(
    end_ns: int, number: int, length_s: float, at_s: float | None, rng: np.random.Generator
) -> tuple[tuple[int, int], ...]:
    """Some spans of a length within the recording, in the order of time."""
    begins = sorted(
        round(rng.uniform(0.15, 0.75) * end_ns) if at_s is None else round(at_s * 1e9) for _ in range(number)
    )
    return tuple((begin, begin + round(length_s * 1e9)) for begin in begins)


def _absences(names: list[str], end_ns: int, faults: FaultConfig, rng: np.random.Generator) -> Iterator[Absence]:
    unplugged = rng.permutation(names)[: faults.num_losses].tolist()
    for name, span in zip(unplugged, _spans(end_ns, len(unplugged), faults.loss_s, faults.loss_at_s, rng), strict=True):
        yield Absence(name, "loss", *span)
    for span in _spans(end_ns, faults.num_gaps, faults.gap_s, None, rng):
        yield Absence(str(rng.choice(names)), "gap", *span)


def _clock_jumps(names: list[str], end_ns: int, faults: FaultConfig, rng: np.random.Generator) -> tuple[ClockJump, ...]:
    spans = _spans(end_ns, faults.num_clock_jumps, 0.0, None, rng)
    return tuple(ClockJump(str(rng.choice(names)), begin, round(faults.clock_jump_s * 1e9)) for begin, _ in spans)


def _bumps(rig: CameraRig, end_ns: int, faults: FaultConfig, rng: np.random.Generator) -> tuple[Bump, ...]:
    hit = rng.permutation(list(rig.cameras))[: faults.num_bumps].tolist()
    spans = _spans(end_ns, len(hit), 0.0, faults.bump_at_s, rng)
    return tuple(
        Bump(name, begin_ns, _knocked(rig[name].world_from_camera, faults.bump_deg, faults.bump_m, rng))
        for name, (begin_ns, _) in zip(hit, spans, strict=True)
    )


def _states(
    name: str, rig_ns: np.ndarray, absences: tuple[Absence, ...], faults: FaultConfig, rng: np.random.Generator
) -> list[str]:
    """The state of every frame of a camera: dropped before corrupt before duplicate before backward."""
    chance = rng.random((4, len(rig_ns)))
    state = np.full(len(rig_ns), "ok", dtype=object)
    state[chance[0] < faults.backward_share] = "backward"
    state[chance[1] < faults.duplicate_share] = "duplicate"
    state[chance[2] < faults.corrupt_share] = "corrupt"
    state[chance[3] < faults.drop_share] = "dropped"
    for one in absences:
        if one.camera_id == name:
            state[(rig_ns >= one.begin_ns) & (rig_ns < one.end_ns)] = "dropped"
    first = np.flatnonzero(state != "dropped")[:1]  # it has no frame before it to take a stamp from
    state[first[np.isin(state[first], ("backward", "duplicate"))]] = "ok"
    return state.tolist()


def _stamps(device_ns: np.ndarray, state: list[str], faults: FaultConfig) -> np.ndarray:
    """What the stamps say, faults included; false ones go by the stamp of the last frame that was delivered."""
    stamps, last = device_ns.copy(), 0
    for position, what in enumerate(state):
        if what == "duplicate":
            stamps[position] = stamps[last]
        elif what == "backward":
            stamps[position] = stamps[last] - round(faults.backward_s * 1e9)
        if what != "dropped":
            last = position
    return stamps


def _stalled(arrivals_ns: np.ndarray, stalls_ns: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Arrivals where the host takes nothing for a while: what came then is taken at its end."""
    for begin_ns, stop_ns in stalls_ns:
        arrivals_ns = np.where((arrivals_ns >= begin_ns) & (arrivals_ns < stop_ns), stop_ns, arrivals_ns)
    return arrivals_ns


def _overlapping(rig_ns: np.ndarray, others: list[np.ndarray], clock: CameraClock) -> np.ndarray:
    """(t,) share of each exposure in which others expose; a triggered rig interleaves its pulses and has none."""
    share = np.zeros(len(rig_ns))
    if not clock.free_running or clock.exposure_ns == 0:
        return share
    for other_ns in others:
        if not len(other_ns):
            continue
        after = np.searchsorted(other_ns, rig_ns).clip(0, len(other_ns) - 1)
        apart_ns = np.minimum(np.abs(other_ns[after] - rig_ns), np.abs(other_ns[np.maximum(after - 1, 0)] - rig_ns))
        share += np.clip(1.0 - apart_ns / clock.exposure_ns, 0.0, 1.0)
    return np.minimum(share, 1.0)
