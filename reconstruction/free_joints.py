"""Joints that several cameras see, freed from the poses that people usually take.

The fit of an instant (pose_fit.py) leans on what is known of bodies. Where instants lie near each other that is a
fault: noise will be averaged away by smoothing, and what stays is how far the body was from anything that the prior
foresaw, say somebody who kicks. So there every joint that two cameras see is fitted again by itself, around where it
was but loosely, with Student's t against views that err and against the prior. Two starts are tried, where it was and
where the views say without it, with the noise first taken for larger than it is; the likelier end is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import _free_joints_kernel as kernel
from .pose_fit import BodyFit, FitConfig, View, measured

LOOSE_M = 0.1
WIDTHS = (3.0, 1.5, 1.0, 1.0)


def freed(views: Sequence[View], fit: BodyFit, config: FitConfig) -> BodyFit:
    """The fit with joints that two views see held to it only within 10 cm (one deviation per axis).

    Args:
        views: what the body was fitted to.
        fit: the fit.
        config: see FitConfig.
    """
    joints_m, covariance_m2 = fit.joints_m.copy(), fit.covariance_m2.copy()
    kernel.loosen(joints_m, covariance_m2, *measured(views).columns(), LOOSE_M, float(config.freedom), WIDTHS)
    return replace(fit, joints_m=joints_m, covariance_m2=covariance_m2)
