"""Gradient descent whose steps have their own scale in each unknown (Adam; Kingma and Ba 2015), the pace falling off.

torch.optim does the same, but its import compiles for ten seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

FIRST_MEMORY, SECOND_MEMORY = 0.8, 0.95
LAST_SHARE = 0.03


class Descent:
    """Steps on some unknowns.

    Args:
        unknowns: tensors that are changed in place, each with the size of its first steps.
        rounds: how many steps there will be; the last ones are `LAST_SHARE` as large as the first.
    """

    def __init__(self, unknowns: Sequence[tuple[torch.Tensor, float]], rounds: int) -> None:
        import torch

        self._unknowns, self._rounds, self._done = unknowns, rounds, 0
        self._means = [(torch.zeros_like(unknown), torch.zeros_like(unknown)) for unknown, _ in unknowns]

    def step(self, energy: torch.Tensor) -> None:
        """One step downhill."""
        import torch

        gradients = torch.autograd.grad(energy, [unknown for unknown, _ in self._unknowns], allow_unused=True)
        fall = 0.5 * (1 + np.cos(np.pi * self._done / self._rounds))
        self._done += 1
        first_share, second_share = 1 - FIRST_MEMORY**self._done, 1 - SECOND_MEMORY**self._done
        with torch.no_grad():
            for (unknown, pace), (first, second), gradient in zip(self._unknowns, self._means, gradients, strict=True):
                if gradient is None:
                    continue
                first.mul_(FIRST_MEMORY).add_(gradient, alpha=1 - FIRST_MEMORY)
                second.mul_(SECOND_MEMORY).addcmul_(gradient, gradient, value=1 - SECOND_MEMORY)
                size = pace * (LAST_SHARE + (1 - LAST_SHARE) * fall)
                unknown -= size * (first / first_share) / ((second / second_share).sqrt() + 1e-9)
