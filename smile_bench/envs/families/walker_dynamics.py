"""Walker dynamics: run on a body whose masses, inertias, damping and friction are unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.family import DatasetRecipe, Metric
from smile_bench.envs.mujoco.body import WALKER
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.simulation import StepResult
from smile_bench.envs.tables import load_table

if TYPE_CHECKING:
    import mujoco

CONTROL_COST = 1e-3
SURVIVE_REWARD = 1.0
BODIES, DOFS, GEOMS = 8, 9, 8


class WalkerDynamics(MujocoFamily):
    """Run on a body whose dynamics differ from task to task (SMILe, section 4.3).

    ## Description
    Gymnasium's walker, ``walker2d_v5.xml``: a torso in a vertical plane on two legs of three joints
    each. A control step is 4 physics steps of 0.002 s. Masses, inertias, damping and friction
    differ from task to task, and so do the constants that MuJoCo derives from them.

    The score compares the return with those of the expert and of a policy that was trained on the
    unmodified walker. This is the paper's own metric.

    ## Task
    65 multipliers on the walker's numbers. Those of body mass (8), body inertia (24) and geom
    friction (24) are ``1.5^U(−3, 3)``, those of joint damping (9) ``1.3^U(−3, 3)``. There are 50
    train, 10 validation and 25 test tasks, sampled once. A context holds 1 demonstration.

    ## Action space
    ``Box(-1, 1, (6,), float32)``: normalised torques at thigh, leg and foot of each side.

    ## Observation space
    ``Box(-1e6, 1e6, (17,), float64)``: 8 positions (height and pitch of the torso, six joint
    angles) and 9 velocities, clipped to ±10. The x coordinate and the task are left out.

    ## Rewards
    v + 1 − 0.001 ‖a‖², with v the displacement in x over the duration of the control step. ``info``
    has the terms as ``reward_forward``, ``reward_survive`` and ``reward_ctrl``.

    ## Starting state
    As in Gymnasium's ``Walker2d-v5``: uniform noise of ±0.005 on all positions and velocities.

    ## Episode end
    Never terminates, also when the walker falls. Truncated after 1000 control steps, 8 s.

    ## Metrics
    ``episode_return``: sum of rewards over the episode. Higher is better.

    ## Version history
    * v0: first version.
    """

    metric_state_size: ClassVar[int] = 1
    varies_dynamics: ClassVar[bool] = True
    blind_is_base_policy: ClassVar[bool] = True
    constants: ClassVar[dict[str, float]] = {
        "control_cost": CONTROL_COST,
        "survive_reward": SURVIVE_REWARD,
    }

    def change_model(
        self, model: mujoco.MjModel, nominal: mujoco.MjModel, parameters: FloatArray
    ) -> None:
        import mujoco

        mass, inertia, damping, friction = np.split(
            parameters, np.cumsum((BODIES, 3 * BODIES, DOFS))
        )
        model.body_mass[:] = nominal.body_mass * mass
        model.body_inertia[:] = nominal.body_inertia * inertia.reshape(BODIES, 3)
        model.dof_damping[:] = nominal.dof_damping * damping
        model.geom_friction[:] = nominal.geom_friction * friction.reshape(GEOMS, 3)
        # Masses and inertias enter constants that MuJoCo derives once, at compilation.
        mujoco.mj_setConst(model, mujoco.MjData(model))

    def privileged(self, observations: FloatArray, parameters: FloatArray) -> FloatArray:
        return np.concatenate((observations, np.log(parameters)), axis=1)

    def positions(self, qpos: FloatArray) -> dict[str, FloatArray]:
        # Gymnasium's initial height of the root joint is 1.25 m.
        return {"x_position": qpos[:, 0].copy(), "z_distance_from_origin": qpos[:, 1] - 1.25}

    def initial_metrics(
        self, qpos: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        return np.zeros((len(qpos), 1))

    def reward_and_info(self, step: ControlStep) -> StepResult:
        velocity = (step.qpos[:, 0] - step.qpos_before[:, 0]) / self.body.dt
        control = -CONTROL_COST * np.square(step.actions).sum(axis=1)
        reward = velocity + SURVIVE_REWARD + control
        metric_state = step.metric_state + reward[:, None]
        info = {
            **self.positions(step.qpos),
            "x_velocity": velocity,
            "reward_forward": velocity.copy(),
            "reward_ctrl": control,
            "reward_survive": np.full(len(reward), SURVIVE_REWARD),
            "episode_return": metric_state[:, 0].copy(),
        }
        return StepResult(reward, info, metric_state)


FAMILY = WalkerDynamics(
    id="SmileWalkerDynamics-v0",
    title="Walker dynamics",
    summary="run on a body with unknown masses, inertias, damping and friction",
    body=WALKER,
    parameter_names=(
        *(f"mass_{i}" for i in range(BODIES)),
        *(f"inertia_{i}_{axis}" for i in range(BODIES) for axis in "xyz"),
        *(f"damping_{i}" for i in range(DOFS)),
        *(f"friction_{i}_{kind}" for i in range(GEOMS) for kind in ("slide", "spin", "roll")),
    ),
    tasks=load_table("walker_dynamics"),
    horizon=1000,
    metrics=(
        Metric(
            name="episode_return",
            description="sum of rewards over the episode",
            unit="",
            higher_is_better=True,
        ),
    ),
    context_sizes=(1,),
    evaluation_episodes=8,
    dataset_recipe=DatasetRecipe(expert="walker-dynamics", demonstrations=32, subsample=20),
)
