"""Frames that stand fixed to each other, as the static transforms of ROS say it (tf_static)."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import InputError
from .geometry import SE3


class FrameTree:
    """A forest of frames.

    Args:
        edges: (parent, child, parent_from_child); of two that name one child, the later holds.

    Raises:
        InputError: frames hang on themselves.
    """

    def __init__(self, edges: Iterable[tuple[str, str, SE3]] = ()) -> None:
        self._parents = {child: (parent, pose) for parent, child, pose in edges}
        for frame in self._parents:
            self.root_of(frame)

    def root_of(self, frame: str) -> tuple[str, SE3]:
        """The frame that all hangs on in the end, and root_from_frame."""
        pose, seen = SE3.identity(), {frame}
        while frame in self._parents:
            frame, step = self._parents[frame]
            pose = step @ pose
            if frame in seen:
                raise InputError(
                    f"the frame {frame} hangs on itself", why="two static transforms contradict each other",
                    todo="see which node publishes it to tf_static; import with --without-poses and --rig",
                )  # fmt: skip
            seen.add(frame)
        return frame, pose

    def between(self, target: str, source: str) -> SE3 | None:
        """target_from_source, or None where nobody said how they stand to each other."""
        (target_root, root_from_target), (source_root, root_from_source) = self.root_of(target), self.root_of(source)
        return root_from_target.inverse() @ root_from_source if target_root == source_root else None

    def path_of(self, frame: str) -> list[str]:
        """The frame and all that it hangs on."""
        path = [frame]
        while path[-1] in self._parents:
            path.append(self._parents[path[-1]][0])
        return path
