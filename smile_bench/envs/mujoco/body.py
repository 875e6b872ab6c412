"""A body: which MuJoCo model is simulated, how it starts and what of its state is observed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import SimulationError

if TYPE_CHECKING:
    import mujoco

__all__ = ["ANT", "HALF_CHEETAH", "WALKER", "Body", "Marker"]


_FIRST_FIELDS = (
    "name",
    "asset",
    "sha256",
    "positions",
    "velocities",
    "actions",
    "frame_skip",
    "timestep",
    "hidden_positions",
    "position_noise",
    "velocity_noise",
    "velocity_noise_is_normal",
    "noiseless_positions",
    "velocity_clip",
    "gear",
    "total_mass",
)
"""Fields of a body that every protocol version covers. Do not add to them: the versions of
published protocols would change."""
_FILMED_FIELDS = ("camera",)
"""Fields that do not touch the physics; no protocol version covers them."""


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A shape that is drawn to show a goal or a target. It takes no part in the physics."""

    name: str
    """Name of its site in the model."""
    rgba: tuple[float, float, float, float]
    """Colour, each number in [0, 1]."""
    radius: float
    """Radius in metres."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """One of Gymnasium's MuJoCo models, and the conventions of its ``v5`` environment.

    The model file is read from the installed Gymnasium and checked against ``sha256``, so that
    a changed file cannot change the physics of the benchmark unnoticed.

    A new field needs a default that leaves the physics as it was. See :attr:`physics`.
    """

    name: str
    """A name for messages."""
    asset: str
    """File name among Gymnasium's MuJoCo assets."""
    sha256: str
    """Digest of that file."""
    positions: int
    """Number of position coordinates, nq."""
    velocities: int
    """Number of velocity coordinates, nv."""
    actions: int
    """Number of actuators; each takes an action in [-1, 1]."""
    frame_skip: int
    """Physics steps per control step."""
    timestep: float
    """Length of a physics step in seconds."""
    hidden_positions: int
    """Leading position coordinates that the agent does not observe."""
    position_noise: float
    """Half-width of the uniform noise on the initial positions."""
    velocity_noise: float
    """Scale of the noise on the initial velocities."""
    velocity_noise_is_normal: bool
    """Whether that noise is normal (half-cheetah, ant) or uniform (walker)."""
    noiseless_positions: tuple[int, ...] = ()
    """Position coordinates that start exactly at the model's default."""
    velocity_clip: float = np.inf
    """Observed velocities are clipped to plus or minus this."""
    gear: float | None = None
    """Gear ratio that replaces the model's, for every actuator."""
    total_mass: float | None = None
    """Mass in kilograms that the model is scaled to, instead of the file's deprecated attribute."""
    camera: dict[str, Any] = field(default_factory=dict)
    """Free camera for rendering; empty for the model's own tracking camera."""

    @property
    def physics(self) -> Mapping[str, Any]:
        """The fields that the protocol's version covers, as JSON-able data.

        A field that was added after the first protocols joins them only where it is not at its
        default, so that the versions of published protocols stay as they are.
        """
        covered = {*_FIRST_FIELDS} | {
            each.name
            for each in fields(self)
            if each.name not in _FILMED_FIELDS and getattr(self, each.name) != _default(each)
        }
        return {name: value for name, value in asdict(self).items() if name in covered}

    @property
    def dt(self) -> float:
        """Length of a control step in seconds."""
        return self.timestep * self.frame_skip

    @property
    def observed(self) -> int:
        """Number of observed state coordinates."""
        return self.positions - self.hidden_positions + self.velocities

    def observe(self, qpos: FloatArray, qvel: FloatArray) -> FloatArray:
        """Observe a batch of states.

        Args:
            qpos: positions ``(N, nq)``.
            qvel: velocities ``(N, nv)``.

        Returns:
            A new array ``(N, observed)``.
        """
        if np.isfinite(self.velocity_clip):
            qvel = np.clip(qvel, -self.velocity_clip, self.velocity_clip)
        return np.concatenate((qpos[:, self.hidden_positions :], qvel), axis=1)

    def sample_start(
        self, rng: np.random.Generator, qpos0: FloatArray, qvel0: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Sample one initial state, as Gymnasium's ``v5`` environment of this body does.

        Args:
            rng: source of randomness.
            qpos0: default positions ``(nq,)``.
            qvel0: default velocities ``(nv,)``.

        Returns:
            Positions ``(nq,)`` and velocities ``(nv,)``.
        """
        scale = self.position_noise
        qpos = qpos0 + rng.uniform(-scale, scale, self.positions)
        still = list(self.noiseless_positions)
        qpos[still] = qpos0[still]
        if self.velocity_noise_is_normal:
            qvel = qvel0 + self.velocity_noise * rng.standard_normal(self.velocities)
        else:
            scale = self.velocity_noise
            qvel = qvel0 + rng.uniform(-scale, scale, self.velocities)
        return qpos, qvel

    def compile(self, markers: tuple[Marker, ...] = ()) -> mujoco.MjModel:
        """Compile the MuJoCo model, with a site for each marker.

        Args:
            markers: shapes to draw. They do not touch the physics.

        Raises:
            SimulationError: Gymnasium's model file is not the one this body was defined on.
        """
        from smile_bench.envs.mujoco.library import mujoco

        path = self._asset_path()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise SimulationError(
                f"the model file {self.asset!r} of the installed Gymnasium has SHA-256 {digest}, "
                f"but body {self.name!r} is defined on {self.sha256}. Its physics may differ: "
                "install the Gymnasium version that smile-bench's constraints name."
            )
        spec = mujoco.MjSpec.from_file(str(path))
        if self.total_mass is not None:
            spec.compiler.settotalmass = -1.0
        if self.gear is not None:
            for actuator in spec.actuators:
                actuator.gear[0] = self.gear
        for marker in markers:
            spec.worldbody.add_site(
                name=marker.name, rgba=marker.rgba, size=[marker.radius] * 3, pos=[0.0, 0.0, 0.0]
            )
        model = spec.compile()
        if self.total_mass is not None:
            mujoco.mj_setTotalmass(model, self.total_mass)
            mujoco.mj_setConst(model, mujoco.MjData(model))
        return model

    def _asset_path(self) -> Path:
        import gymnasium.envs.mujoco as gymnasium_mujoco

        assert gymnasium_mujoco.__file__ is not None
        return Path(gymnasium_mujoco.__file__).parent / "assets" / self.asset


def _default(of: Field[Any]) -> Any:
    return of.default if of.default_factory is MISSING else of.default_factory()


HALF_CHEETAH = Body(
    name="half-cheetah",
    asset="half_cheetah.xml",
    sha256="11797a5d69e8ac955e89ca6fdd3a0087f1c990094fda401ac51420de1b6c5494",
    positions=9,
    velocities=9,
    actions=6,
    frame_skip=5,
    timestep=0.01,
    hidden_positions=1,
    position_noise=0.1,
    velocity_noise=0.1,
    velocity_noise_is_normal=True,
    total_mass=14.0,
)

ANT = Body(
    name="ant",
    asset="ant.xml",
    sha256="cd5f83ef0ea35b0969e65d360c5bacd5b74ccaef6b27e4433b5168c605e3e2be",
    positions=15,
    velocities=14,
    actions=8,
    frame_skip=5,
    timestep=0.01,
    hidden_positions=0,
    position_noise=0.1,
    velocity_noise=0.1,
    velocity_noise_is_normal=True,
    noiseless_positions=(0, 1),
    gear=30.0,
    camera={"distance": 6.5, "elevation": -50.0, "azimuth": 90.0, "lookat": (0.0, 0.0, 0.3)},
)

WALKER = Body(
    name="walker",
    asset="walker2d_v5.xml",
    sha256="6bed53a6cc3ca73c4fe8ac3486d3b4228927264a6454f4ef16d3eed3c58bc09d",
    positions=9,
    velocities=9,
    actions=6,
    frame_skip=4,
    timestep=0.002,
    hidden_positions=1,
    position_noise=5e-3,
    velocity_noise=5e-3,
    velocity_noise_is_normal=False,
    velocity_clip=10.0,
)
