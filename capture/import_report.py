"""What an import took and what it could not take, and what one would cost before it starts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .arrays import RawDepthImage
from .errors import ResourceError
from .files import require_writable
from .packets import encode_depth
from .recording_writer import DamagedFrame

PROGRAM_BYTES = 250_000_000
SPARE = 1.1
BYTES_PER_ROW = 120
WRITE_S_PER_BYTE = 1 / 300e6


@dataclass(frozen=True, slots=True)
class ImportEstimate:
    """What an import would cost, from a few of its frames.

    Args:
        num_frames: frames of all cameras together.
        media_s: how long the recording lasts, seconds.
        disk_bytes: what it would take on disk.
        free_bytes: what the disk has.
        memory_bytes: what the import would hold at most.
        work_s: how long it would take, seconds.
    """

    num_frames: int
    media_s: float
    disk_bytes: int
    free_bytes: int
    memory_bytes: int
    work_s: float

    def to_json(self) -> dict[str, float | int]:
        """The same as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import took, and what it could not take.

    Args:
        path: the recording.
        num_frames: frames of all cameras together; of a dry run, those that would be taken.
        damaged: what is left out.
        unplaced: cameras without a place where the calibration or the rig means to give places.
        estimate: the cost, if nothing was written because only a try was asked for.
        assumptions: what the importer had to assume, one sentence each; recording.json keeps them too.
    """

    path: Path
    num_frames: int
    damaged: tuple[DamagedFrame, ...]
    unplaced: tuple[str, ...] = ()
    estimate: ImportEstimate | None = None
    assumptions: tuple[str, ...] = ()


def estimate_import(
    out: Path, *, num_frames: int, media_s: float, other_bytes: int,
    depth_samples: Sequence[RawDepthImage] = (), num_depth: int = 0, read_s_per_frame: float = 0.0,
) -> ImportEstimate:  # fmt: skip
    """The cost of an import; depth is judged by encoding a few images.

    Args:
        out: where the recording would be made.
        num_frames: frames of all cameras together.
        media_s: how long the recording lasts.
        other_bytes: bytes of all packets that are kept as they are (colour).
        depth_samples: a few (h, w) uint16 images, spread over the recording.
        num_depth: how many such images are to be encoded in all.
        read_s_per_frame: seconds that reading a frame takes.
    """
    if depth_samples:  # the first call loads the encoder
        encode_depth(depth_samples[0][:8])
    begun_s = time.perf_counter()
    sizes = [len(encode_depth(image)) for image in depth_samples]
    encode_s = (time.perf_counter() - begun_s) / max(1, len(sizes))
    depth_bytes = sum(sizes) / max(1, len(sizes)) * num_depth
    disk_bytes = depth_bytes + other_bytes + BYTES_PER_ROW * num_frames
    work_s = encode_s * num_depth + read_s_per_frame * num_frames + disk_bytes * WRITE_S_PER_BYTE
    # One second of all cameras is held, and held twice while it is written.
    memory_bytes = PROGRAM_BYTES + 3 * disk_bytes / max(1.0, media_s)
    return ImportEstimate(
        num_frames, round(media_s, 3), round(disk_bytes * SPARE), free_bytes(out), round(memory_bytes),
        round(work_s, 1),
    )  # fmt: skip


def free_bytes(out: Path) -> int:
    """The free space of the disk on which a path lies or would lie."""
    place = Path(out).absolute().parent
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def require_disk(out: Path, estimate: ImportEstimate) -> None:
    """See before the work that the disk can be written to and suffices.

    Raises:
        ConfigError: nothing can be written there.
        ResourceError: it does not suffice.
    """
    require_writable(out)
    if estimate.disk_bytes > estimate.free_bytes:
        raise ResourceError(
            "the disk would not suffice", where=str(out),
            why=f"the recording takes about {_gigabytes(estimate.disk_bytes)}, and "
            f"{_gigabytes(estimate.free_bytes)} are free",
            todo="free some space, give a place on another disk, or take less with --from, --to or --depth",
        )  # fmt: skip


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.1f} MB"
