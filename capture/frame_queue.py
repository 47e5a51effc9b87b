"""The queue between the threads of the cameras and the one that writes: bounded, and what it refuses is counted."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FrameQueue(Generic[Item]):
    """First in, first out over all cameras, with a limit for each, so that none can crowd out another.

    Args:
        limit: how many items of one camera may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[tuple[str, Item]] = deque()
        self._waiting: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, camera_id: str, item: Item) -> bool:
        """Add an item of a camera, without waiting; False where there was no room for it, which is counted."""
        with self._changed:
            if self._closed or self._waiting[camera_id] >= self._limit:
                self._dropped[camera_id] += 1
                return False
            self._items.append((camera_id, item))
            self._waiting[camera_id] += 1
            self._changed.notify()
            return True

    def take(self, timeout_s: float) -> tuple[str, Item] | None:
        """The oldest item and its camera; None where none came in time, or the queue is closed and empty."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait(timeout_s)
            if not self._items:
                return None
            camera_id, item = self._items.popleft()
            self._waiting[camera_id] -= 1
            return camera_id, item

    def close(self) -> None:
        """Take no more; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def is_done(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed and not self._items

    def __len__(self) -> int:
        """How many items wait."""
        with self._changed:
            return len(self._items)

    def dropped(self) -> dict[str, int]:
        """How many items of each camera it had no room for; cameras without any are absent."""
        with self._changed:
            return dict(self._dropped)
