"""The recordings that are measured: one short simulated scene, repeated to any length with running time stamps."""

from __future__ import annotations

from pathlib import Path

FPS = 10.0


def simulate_scene(path: Path, seed: int, num_cameras: int, scale: float) -> Path:
    """Eight seconds of the simulated operating room, unless the recording is there already."""
    from ortwin.datasets.small_room import SimulationConfig, simulate

    if not path.exists():
        print(f"simulating 8 s of {num_cameras} cameras ...", flush=True)
        simulate(path, seed=seed, config=SimulationConfig(fps=FPS, num_cameras=num_cameras, scale=scale))
    return path


def repeat_scene(scene: Path, seconds: float, path: Path) -> Path:
    """The scene again and again, until it is so long, unless the recording is there already."""
    from ortwin.capture.storage import RecordingWriter, open_recording

    if path.exists():
        return path
    source = open_recording(scene)
    cameras, step_ns = list(source.cameras.values()), round(1e9 / FPS)
    with RecordingWriter(path, cameras, fps=FPS, source={"repeats": "a simulated scene"}, rig=source.rig) as writer:
        for index in range(round(seconds * FPS)):
            for camera in cameras:
                name = camera.camera_id
                position = index % len(source.timestamps_ns(name))
                depth, color = source.depth_raw(name, position), source.packet(name, position, "color")
                writer.append(name, index, index * step_ns, None, depth, color)
    return path
