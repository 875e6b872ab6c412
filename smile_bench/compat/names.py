"""The tables of old names; :mod:`smile_bench.compat.deprecated` says how they are used."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GONE", "MODULES", "NAMES"]

MODULES: Mapping[str, str] = {
    "smile_bench.baselines.adam": "smile_bench.baselines.tabular_irl.adam",
    "smile_bench.baselines.agent_training": "smile_bench.baselines.training",
    "smile_bench.baselines.ascent": "smile_bench.baselines.tabular_irl.bfgs",
    "smile_bench.baselines.checkpoint": "smile_bench.learning.checkpoint",
    "smile_bench.baselines.code_bank": "smile_bench.baselines.smile.embedding_buffer",
    "smile_bench.baselines.collecting": "smile_bench.baselines.imitation.collector",
    "smile_bench.baselines.devices": "smile_bench.learning.devices",
    "smile_bench.baselines.discriminator": "smile_bench.baselines.smile.discriminator",
    "smile_bench.baselines.encoder": "smile_bench.baselines.imitation.encoder",
    "smile_bench.baselines.ensemble": "smile_bench.baselines.imitation.trainer",
    "smile_bench.baselines.expert_training": "smile_bench.experts.training.train",
    "smile_bench.baselines.grid_evidence": "smile_bench.baselines.tabular_irl.contexts",
    "smile_bench.baselines.imitator": "smile_bench.baselines.imitation.imitator",
    "smile_bench.baselines.imitator_training": "smile_bench.baselines.imitation.trainer",
    "smile_bench.baselines.inverse_dynamics": "smile_bench.baselines.smile.inverse_dynamics",
    "smile_bench.baselines.judges": "smile_bench.baselines.smile.reward_learner",
    "smile_bench.baselines.max_margin": "smile_bench.baselines.tabular_irl.max_margin",
    "smile_bench.baselines.maxent_irl": "smile_bench.baselines.tabular_irl.maxent",
    "smile_bench.baselines.networks": "smile_bench.learning.networks",
    "smile_bench.baselines.normaliser": "smile_bench.learning.normaliser",
    "smile_bench.baselines.outcome": "smile_bench.baselines.imitation.final_state",
    "smile_bench.baselines.ppo": "smile_bench.experts.training.ppo",
    "smile_bench.baselines.practices": "smile_bench.experts.training.curricula",
    "smile_bench.baselines.presets": "smile_bench.baselines.meta_bc.presets",
    "smile_bench.baselines.replay": "smile_bench.learning.replay",
    "smile_bench.baselines.reward": "smile_bench.baselines.smile.reward_learner",
    "smile_bench.baselines.running_normaliser": "smile_bench.experts.training.running_normaliser",
    "smile_bench.baselines.runs": "smile_bench.learning.n_step",
    "smile_bench.baselines.sac": "smile_bench.learning.sac",
    "smile_bench.baselines.sac_expert": "smile_bench.experts.training.sac",
    "smile_bench.baselines.sampled_irl": "smile_bench.baselines.tabular_irl.sampled",
    "smile_bench.baselines.smile_config": "smile_bench.baselines.smile.config",
    "smile_bench.baselines.specialist_training": "smile_bench.experts.training.per_task",
    "smile_bench.baselines.symmetry": "smile_bench.baselines.imitation.augmentation",
    "smile_bench.baselines.tabular_smile": "smile_bench.baselines.tabular_irl.smile",
    "smile_bench.baselines.task_data": "smile_bench.batches.stacked",
    "smile_bench.baselines.told_training": "smile_bench.experts.training.trainer",
    "smile_bench.baselines.trajectory_samples": "smile_bench.baselines.tabular_irl.trajectories",
    "smile_bench.baselines.trimming": "smile_bench.baselines.imitation.outlier_filter",
    "smile_bench.baselines.vector_adam": "smile_bench.learning.optimizers",
    "smile_bench.baselines.weight_average": "smile_bench.learning.ema",
    "smile_bench.cli_leaderboard": "smile_bench.cli.leaderboard",
    "smile_bench.datasets.expert": "smile_bench.experts.policy",
    "smile_bench.datasets.files": "smile_bench.io.files",
    "smile_bench.datasets.hdf5": "smile_bench.io.hdf5",
    "smile_bench.datasets.network": "smile_bench.experts.network",
    "smile_bench.datasets.specialists": "smile_bench.experts.per_task",
    "smile_bench.datasets.tensors": "smile_bench.io.tensors",
    "smile_bench.envs.body": "smile_bench.envs.mujoco.body",
    "smile_bench.envs.env": "smile_bench.envs.mujoco.env",
    "smile_bench.envs.grid_env": "smile_bench.envs.grid.env",
    "smile_bench.envs.grid_picture": "smile_bench.envs.grid.rendering",
    "smile_bench.envs.interfaces": "smile_bench.envs.simulation",
    "smile_bench.envs.mdp": "smile_bench.envs.grid.mdp",
    "smile_bench.envs.rendering": "smile_bench.envs.mujoco.rendering",
    "smile_bench.envs.simulator": "smile_bench.envs.mujoco.simulator",
    "smile_bench.envs.tabular": "smile_bench.envs.grid.planning",
    "smile_bench.leaderboard.document": "smile_bench.leaderboard.page.document",
    "smile_bench.leaderboard.markdown": "smile_bench.leaderboard.page.markdown",
    "smile_bench.leaderboard.card": "smile_bench.leaderboard.entries.card",
    "smile_bench.leaderboard.consistency": "smile_bench.leaderboard.checks.consistency",
    "smile_bench.leaderboard.files": "smile_bench.leaderboard.entries.files",
    "smile_bench.leaderboard.progress": "smile_bench.leaderboard.entries.training",
    "smile_bench.leaderboard.training": "smile_bench.leaderboard.entries.training",
    "smile_bench.leaderboard.verification": "smile_bench.leaderboard.checks.verification",
    "smile_bench.leaderboard.published": "smile_bench.leaderboard.page.published",
    "smile_bench.protocol.metatest": "smile_bench.protocol.meta_test",
    "smile_bench.protocol.provenance": "smile_bench.provenance",
    "smile_bench.protocol.reading": "smile_bench.protocol.result_file",
    "smile_bench.protocol.replaying": "smile_bench.protocol.replay",
    "smile_bench.protocol.report": "smile_bench.cli.tables",
    "smile_bench.protocol.rerunning": "smile_bench.protocol.verification.rerun",
    "smile_bench.protocol.schema": "smile_bench.io.schema",
}
"""Old module to new module, for modules that no longer exist under their old name."""

NAMES: Mapping[str, Mapping[str, str]] = {
    "smile_bench.baselines": {"AGENTS": "smile_bench.baselines.former:agent_loaders()"},
    "smile_bench.baselines.agent_training": {"smile_members": "smile_bench.baselines.former"},
    "smile_bench.baselines.checkpoint": {"CheckpointError": "smile_bench.errors"},
    "smile_bench.baselines.code_bank": {"CodeBank": ":EmbeddingBuffer"},
    "smile_bench.baselines.devices": {"moved": ":to_device", "take": ":index"},
    "smile_bench.baselines.encoder": {"context_features": "smile_bench.batches.stacked"},
    "smile_bench.baselines.grid_evidence": {"Evidence": ":DecodedContexts"},
    "smile_bench.baselines.imitator": {"Acting": ":Member"},
    "smile_bench.baselines.judges": {"Judges": ":RewardLearner"},
    "smile_bench.baselines.meta_bc": {
        "MetaBCConfig": "smile_bench.baselines.meta_bc.config",
        "MetaBCTraining": "smile_bench.baselines.meta_bc.training:MetaBC",
    },
    "smile_bench.baselines.meta_dagger": {
        "MetaDAggerConfig": "smile_bench.baselines.meta_dagger.training",
        "MetaDAggerTraining": "smile_bench.baselines.meta_dagger.training:MetaDAgger",
    },
    "smile_bench.baselines.outcome": {"OutcomePredictor": ":FinalStatePredictor"},
    "smile_bench.baselines.practices": {"PRACTICES": ":CURRICULA", "Practice": ":Curriculum"},
    "smile_bench.baselines.presets": {
        "meta_bc_preset": ":preset",
        "meta_dagger_preset": "smile_bench.baselines.meta_dagger.presets:preset",
    },
    "smile_bench.baselines.registry": {
        "AGENTS": "smile_bench.baselines.former:agent_loaders()",
        "GRID_AGENTS": "smile_bench.baselines.former:grid_agents()",
        "TRAINED_AGENTS": "smile_bench.baselines.former:trained_agents()",
    },
    "smile_bench.baselines.runs": {"Runs": ":NStepReturns"},
    "smile_bench.baselines.smile": {"SMILe": "smile_bench.baselines.smile.training"},
    "smile_bench.baselines.smile_config": {
        "PRESETS": "smile_bench.baselines.smile.presets",
        "preset": "smile_bench.baselines.smile.presets",
    },
    "smile_bench.baselines.specialist_training": {
        "SpecialistTraining": ":PerTaskTraining",
        "SpecialistsConfig": ":PerTaskConfig",
        "write_shared": "smile_bench.experts.training.shared",
    },
    "smile_bench.baselines.symmetry": {"EpisodeSymmetry": ":SignedPermutations"},
    "smile_bench.baselines.tabular_smile": {
        "discriminator_step": "smile_bench.baselines.tabular_irl.smile_training",
    },
    "smile_bench.baselines.task_data": {
        "EpisodeNoise": "smile_bench.baselines.imitation.augmentation:ConstantFeatureNoise",
        "TaskReplay": "smile_bench.learning.replay",
        "Transitions": "smile_bench.learning.replay",
    },
    "smile_bench.baselines.told_training": {
        "ToldConfig": "smile_bench.experts.training.episodes:ExpertTrainerConfig",
    },
    "smile_bench.baselines.training": {
        "DivergedError": "smile_bench.errors",
        "Training": "smile_bench.learning.loop",
        "run": "smile_bench.learning.loop",
    },
    "smile_bench.baselines.trimming": {"Trimming": ":OutlierFilter"},
    "smile_bench.baselines.weight_average": {"WeightAverage": ":EMA"},
    "smile_bench.datasets.network": {"Float32Array": "smile_bench.arrays"},
    "smile_bench.datasets.specialists": {
        "Specialists": ":PerTaskExperts",
        "unpack_specialists": ":unpack_per_task",
        "write_specialists": ":write_per_task",
    },
    "smile_bench.datasets.variants": {
        "Calibration": "smile_bench.datasets.calibration",
        "HALF": ":MEDIUM",
        "Half": "smile_bench.experts.noisy:Medium",
        "Noisy": "smile_bench.experts.noisy",
        "SCORE_RANGE": "smile_bench.datasets.calibration",
        "calibrate": "smile_bench.datasets.calibration",
        "draw_others": "smile_bench.experts.task_blind:sample_mismatched_tasks",
        "is_half": "smile_bench.datasets.calibration:is_medium",
        "load_task_blind": "smile_bench.experts.task_blind",
    },
    "smile_bench.envs.env": {
        "OBSERVATION_BOUND": "smile_bench.envs.family",
        "observation_space": "smile_bench.envs.family:Family.observation_space.fget",
    },
    "smile_bench.envs.family": {
        "BatchSimulator": "smile_bench.envs.simulation",
        "ControlStep": "smile_bench.envs.mujoco.family",
        "MujocoFamily": "smile_bench.envs.mujoco.family",
        "Outcome": "smile_bench.envs.simulation:StepResult",
        "Recipe": ":DatasetRecipe",
        "Renderer": "smile_bench.envs.simulation",
        "ToldPolicy": "smile_bench.envs.simulation:PrivilegedPolicy",
    },
    "smile_bench.envs.grid": {
        "MOVES": "smile_bench.envs.grid.family",
        "WALL": "smile_bench.envs.grid.family",
        "GridExpert": "smile_bench.envs.grid.expert",
        "GridFamily": "smile_bench.envs.grid.family",
        "GridSimulator": "smile_bench.envs.grid.simulator",
        "slip_noise": "smile_bench.envs.grid.simulator",
    },
    "smile_bench.envs.interfaces": {
        "Outcome": ":StepResult",
        "ToldPolicy": ":PrivilegedPolicy",
        "draw_starts": ":sample_starts",
    },
    "smile_bench.envs.simulator": {
        "compile_task": "smile_bench.envs.mujoco.family:MujocoFamily.task_model",
        "draw_start": "smile_bench.envs.mujoco.family:MujocoFamily.sample_start",
        "require_actions": "smile_bench.envs.mujoco.checks",
        "require_stable": "smile_bench.envs.mujoco.checks",
        "require_states": "smile_bench.envs.family:Family.require_states",
        "split_state": "smile_bench.envs.mujoco.family:MujocoFamily.split_state",
    },
    "smile_bench.leaderboard.card": {"TRACKS": "smile_bench.tracks"},
    "smile_bench.leaderboard.entries": {
        "Entry": "smile_bench.leaderboard.entries.reading",
        "Evaluated": "smile_bench.leaderboard.entries.reading",
        "Run": "smile_bench.leaderboard.entries.reading",
        "entry_folders": "smile_bench.leaderboard.entries.reading",
        "read_entry": "smile_bench.leaderboard.entries.reading",
    },
    "smile_bench.leaderboard.page": {
        "SCRIPTS": "smile_bench.leaderboard.page.html",
        "leaderboard_page": "smile_bench.leaderboard.page.html",
        "policy": "smile_bench.leaderboard.page.html",
    },
    "smile_bench.leaderboard.rows": {
        "Cost": "smile_bench.leaderboard.entries.training",
        "rank": "smile_bench.leaderboard.ranking",
        "ranked_families": "smile_bench.leaderboard.ranking",
    },
    "smile_bench.protocol.evidence": {"checkpoints": ":keyframes"},
    "smile_bench.protocol.metatest": {"draw_meta_test": ":sample_meta_test"},
    "smile_bench.protocol.result": {
        "normalised_scores": "smile_bench.protocol.scores",
        "task_means": "smile_bench.protocol.scores",
    },
    "smile_bench.protocol.verification": {"Finding": "smile_bench.checks:Check"},
}
"""Old module to old name to new place, for names that did not move with their module.

A place is ``"module"`` (the same name there), ``":name"`` (another name in the module itself, or in
the one that it became) or ``"module:name"``. A method in place of a function takes the same
arguments, the family first; ``"module:function()"`` makes the object.
"""

_ENTRY = "the declaration of an agent says this: smile_bench.baselines.get_agent(name)"

GONE: Mapping[str, Mapping[str, str]] = {
    "smile_bench.baselines.agent_training": {
        "TRAININGS": f"{_ENTRY}.training.",
        "Trainable": "declare an agent's training with smile_bench.baselines.TrainingSpec.",
    },
    "smile_bench.baselines.checkpoint": dict.fromkeys(
        (
            "pack_generator",
            "pack_module",
            "pack_optimizer",
            "unpack_generator",
            "unpack_module",
            "unpack_optimizer",
        ),
        "save_checkpoint takes the nested state_dict of a training, and packs it itself.",
    ),
    "smile_bench.baselines.discriminator": {
        "REWARDS": "the reward is the discriminator's logit, as in SMILe.",
        "classification_loss": "use smile_bench.baselines.smile.discriminator."
        "classification_losses, which returns a loss of each training.",
        "gradient_penalty": "use smile_bench.baselines.smile.discriminator.gradient_penalties, "
        "which returns a penalty of each training.",
    },
    "smile_bench.baselines.ensemble": dict.fromkeys(
        ("Ensemble", "ensemble"),
        "the members of an agent are trainings of one computation; give their number as members in "
        "the configuration of smile_bench.baselines.smile.training.make_trainings.",
    ),
    "smile_bench.baselines.expert_training": dict.fromkeys(
        ("BASE_TRAININGS", "EXPERT_TRAININGS", "SHARED_TRAININGS"),
        "use smile_bench.experts.training.train.make_training.",
    ),
    "smile_bench.baselines.imitator": {
        "make_networks": "use make_encoder and make_policy of "
        "smile_bench.baselines.imitation.imitator.",
    },
    "smile_bench.baselines.imitator_training": {
        "ImitatorTraining": "use smile_bench.baselines.imitation.trainer.ImitatorTrainings, which "
        "trains several agents at once.",
    },
    "smile_bench.baselines.outcome": {
        "Outcomes": "use smile_bench.baselines.imitation.final_state.final_state_losses.",
    },
    "smile_bench.baselines.presets": {
        "members": "the configuration of an agent has its number of members.",
    },
    "smile_bench.baselines.reward": {
        "DiscriminatorReward": "use smile_bench.baselines.smile.reward_learner.RewardLearner."
        "rewards.",
    },
    "smile_bench.baselines.smile_config": {
        "require_alike": "use smile_bench.baselines.smile.config.require_together.",
    },
    "smile_bench.baselines.tabular_smile": {
        "train_tabular_smile": "use smile_bench.baselines.train_agent('tabular-smile', family, "
        "directory).",
    },
    "smile_bench.baselines.told_training": {
        "ToldTraining": "use smile_bench.experts.training.trainer.ExpertTrainings, which trains "
        "several experts at once.",
    },
    "smile_bench.baselines.vector_adam": {
        "VectorAdam": "use smile_bench.learning.optimizers.StackedAdam, which has a row of "
        "parameters for each training.",
        "as_vector": "use smile_bench.learning.optimizers.as_rows, which returns a row for each "
        "training.",
    },
}
"""Old module to old name to what to use instead, for names without an equal."""
