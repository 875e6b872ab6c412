"""Every module and its public names before modules moved: importable for one more release."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["OLD_NAMES"]

OLD_NAMES: Mapping[str, str] = {
    "smile_bench": (
        "Context Result __version__ all_families evaluate get_family load_agent load_dataset "
        "read_result verify_result"
    ),
    "smile_bench.access": "TRACKS Access AccessCounts Environments",
    "smile_bench.agents": (
        "Agent Context Policy PrivilegedAgent checked_actions checked_policy import_agent "
        "is_state_only pad_contexts require_family"
    ),
    "smile_bench.baselines": "AGENTS load_agent train train_agent",
    "smile_bench.baselines.adam": "Adam",
    "smile_bench.baselines.agent_training": "TRAININGS Trainable smile_members train train_agent",
    "smile_bench.baselines.ascent": "Ascent maximise",
    "smile_bench.baselines.checkpoint": (
        "CheckpointError load_checkpoint pack_generator pack_module pack_optimizer "
        "save_checkpoint unpack_generator unpack_module unpack_optimizer"
    ),
    "smile_bench.baselines.code_bank": "CodeBank",
    "smile_bench.baselines.collecting": "Collector",
    "smile_bench.baselines.devices": "CPU describe find_device moved take",
    "smile_bench.baselines.discriminator": (
        "REWARDS Discriminator classification_loss gradient_penalty"
    ),
    "smile_bench.baselines.encoder": "ContextEncoder EncoderConfig context_features",
    "smile_bench.baselines.ensemble": "Ensemble ensemble",
    "smile_bench.baselines.expert_training": (
        "BASE_TRAININGS EXPERT_TRAININGS SHARED_TRAININGS train_expert"
    ),
    "smile_bench.baselines.grid_evidence": (
        "Evidence PlannedPolicy estimate_slips read_contexts require_grid"
    ),
    "smile_bench.baselines.imitator": "Acting Imitator ImitatorConfig ImitatorPolicy make_networks",
    "smile_bench.baselines.imitator_training": "ImitatorTraining",
    "smile_bench.baselines.inverse_dynamics": "InverseDynamics",
    "smile_bench.baselines.judges": "Judges",
    "smile_bench.baselines.max_margin": (
        "FeatureMatching Matching MaxMarginIRL match_features nearest_mixture"
    ),
    "smile_bench.baselines.maxent_irl": "MaxEntIRL log_likelihood maxent_weights",
    "smile_bench.baselines.meta_bc": "MetaBCConfig MetaBCTraining",
    "smile_bench.baselines.meta_dagger": "MetaDAggerConfig MetaDAggerTraining",
    "smile_bench.baselines.networks": "SquashedGaussianPolicy TwinCritic linear orthogonal_mlp",
    "smile_bench.baselines.normaliser": "CLIP MINIMUM_SCALE Normaliser",
    "smile_bench.baselines.outcome": "OutcomePredictor Outcomes",
    "smile_bench.baselines.ppo": "PPO PPOConfig",
    "smile_bench.baselines.practices": (
        "PRACTICES Practice ReachGoal ReachTarget TrackVelocity WalkDynamics WalkOneDynamics"
    ),
    "smile_bench.baselines.presets": "members meta_bc_preset meta_dagger_preset",
    "smile_bench.baselines.references": "ExpertAgent ExpertPolicy TaskBlind",
    "smile_bench.baselines.registry": "AGENTS GRID_AGENTS TRAINED_AGENTS load_agent weights_path",
    "smile_bench.baselines.replay": "ReplayBuffer",
    "smile_bench.baselines.retrieve_and_play": "RetrieveAndPlay RetrieveAndPlayPolicy",
    "smile_bench.baselines.reward": "DiscriminatorReward",
    "smile_bench.baselines.running_normaliser": "RunningNormaliser",
    "smile_bench.baselines.runs": "Runs",
    "smile_bench.baselines.sac": "SAC Batch Imitation SACConfig",
    "smile_bench.baselines.sac_expert": "SACExpert SACExpertConfig",
    "smile_bench.baselines.sampled_irl": (
        "GanIRL GuidedCostLearning PlainDiscriminator SampledConfig density_gradient "
        "density_logits importance_shares"
    ),
    "smile_bench.baselines.smile": "SMILe",
    "smile_bench.baselines.smile_config": (
        "PRESETS SMILeConfig preset require_alike require_fitting"
    ),
    "smile_bench.baselines.specialist_training": (
        "SpecialistTraining SpecialistsConfig write_shared"
    ),
    "smile_bench.baselines.symmetry": "EpisodeSymmetry",
    "smile_bench.baselines.tabular_smile": (
        "TabularSmile TabularSmileConfig discriminator_step train_tabular_smile"
    ),
    "smile_bench.baselines.task_data": "EpisodeNoise TaskDemonstrations TaskReplay Transitions",
    "smile_bench.baselines.told_training": "ToldConfig ToldTraining",
    "smile_bench.baselines.training": "DivergedError Training run",
    "smile_bench.baselines.trajectory_samples": "Samples improve log_chances log_weights sample",
    "smile_bench.baselines.trimming": "Trimming",
    "smile_bench.baselines.vector_adam": "VectorAdam as_vector",
    "smile_bench.baselines.weight_average": "WeightAverage",
    "smile_bench.cli": "build_parser main",
    "smile_bench.cli_leaderboard": "add_leaderboard_commands",
    "smile_bench.datasets": "Context Dataset Demonstrations load_dataset",
    "smile_bench.datasets.build": "BuildConfig build_dataset expert_digest tables_digest",
    "smile_bench.datasets.card": "card_text write_card",
    "smile_bench.datasets.contexts": "Context",
    "smile_bench.datasets.dataset": "ARRAYS Dataset Demonstrations",
    "smile_bench.datasets.expert": (
        "Expert expert_metrics load_base_policy load_expert read_expert task_metrics write_expert"
    ),
    "smile_bench.datasets.files": "replacing write_atomically",
    "smile_bench.datasets.format": "FORMAT read_dataset reporting_full_disk write_dataset",
    "smile_bench.datasets.hdf5": "FILTERS READING_ERRORS read_array require_hard_links",
    "smile_bench.datasets.loading": (
        "add_to_manifest data_folder load_dataset read_manifest shipped_families"
    ),
    "smile_bench.datasets.minari": "from_minari to_minari",
    "smile_bench.datasets.network": "Float32Array forward unpack_network",
    "smile_bench.datasets.specialists": "FORMAT Specialists unpack_specialists write_specialists",
    "smile_bench.datasets.tensors": "TensorFile read_tensors",
    "smile_bench.datasets.variants": (
        "EXPERT HALF NOISY SCORE_RANGE VARIANTS Calibration Half Noisy calibrate draw_others "
        "is_half load_task_blind require_noise"
    ),
    "smile_bench.datasets.verify": "Check made_here replay_difference verify_dataset",
    "smile_bench.envs": (
        "SPLITS Family Metric MujocoFamily Task all_families get_family get_mujoco_family "
        "register_families"
    ),
    "smile_bench.envs.body": "ANT HALF_CHEETAH WALKER Body Marker",
    "smile_bench.envs.env": "OBSERVATION_BOUND SmileEnv observation_space",
    "smile_bench.envs.families": "",
    "smile_bench.envs.families.ant_goal": "",
    "smile_bench.envs.families.ant_linear_classification": "",
    "smile_bench.envs.families.grid_goal": "",
    "smile_bench.envs.families.half_cheetah_velocity": "",
    "smile_bench.envs.families.walker_dynamics": "",
    "smile_bench.envs.family": (
        "OBSERVATION_BOUND SPLITS BatchSimulator ControlStep Family Metric MujocoFamily Outcome "
        "Recipe Renderer Task ToldPolicy"
    ),
    "smile_bench.envs.grid": "MOVES WALL GridExpert GridFamily GridSimulator slip_noise",
    "smile_bench.envs.grid_env": "SmileGridEnv",
    "smile_bench.envs.grid_picture": "GridRenderer as_text",
    "smile_bench.envs.interfaces": "BatchSimulator Outcome Renderer ToldPolicy draw_starts",
    "smile_bench.envs.mdp": "MDP TOLERANCE",
    "smile_bench.envs.registry": "all_families get_family get_mujoco_family register_families",
    "smile_bench.envs.rendering": "BatchRenderer camera_options fit_offscreen_buffer place_markers",
    "smile_bench.envs.simulator": (
        "Simulator available_threads compile_task draw_start require_actions require_stable "
        "require_states split_state"
    ),
    "smile_bench.envs.tables": "load_table",
    "smile_bench.envs.tabular": (
        "MDP Messages Solution hard_values message_visits messages reachable require_reachable "
        "soft_values visitation"
    ),
    "smile_bench.envs.vector": "SmileVectorEnv",
    "smile_bench.errors": (
        "AgentError ConvergenceWarning DatasetError ExpertError InputError LeaderboardError "
        "ProtocolError SimulationError SmileError UnknownNameError require_known suggestion"
    ),
    "smile_bench.leaderboard": "",
    "smile_bench.leaderboard.build": "FILES Checked build_leaderboard check_entries check_folder",
    "smile_bench.leaderboard.card": "FORMAT TRACKS Card read_card",
    "smile_bench.leaderboard.consistency": "check_between check_entry",
    "smile_bench.leaderboard.document": "FORMAT leaderboard_document plot_kind",
    "smile_bench.leaderboard.entries": "Entry Evaluated Run entry_folders read_entry",
    "smile_bench.leaderboard.files": "children read_object read_text require_keys require_name",
    "smile_bench.leaderboard.markdown": "leaderboard_markdown",
    "smile_bench.leaderboard.page": "SCRIPTS leaderboard_page policy",
    "smile_bench.leaderboard.progress": "Curve read_curve",
    "smile_bench.leaderboard.published": "Published PublishedFamily PublishedRow load_published",
    "smile_bench.leaderboard.rows": (
        "Cost FamilyRow Partition Row ShotPoint entry_rows rank ranked_families"
    ),
    "smile_bench.leaderboard.training": "Training training_of",
    "smile_bench.leaderboard.verification": "Status Verifier default_cache",
    "smile_bench.protocol": "Result Verification evaluate read_result verify_result",
    "smile_bench.protocol.evaluation": (
        "adapt context_sizes evaluate load_frozen meta_test_contexts run_episodes"
    ),
    "smile_bench.protocol.evidence": (
        "EVIDENCE_FORMAT Evidence Recorder checkpoints read_evidence row_digests"
    ),
    "smile_bench.protocol.metatest": "PROTOCOL MetaTest References draw_meta_test load_meta_test",
    "smile_bench.protocol.provenance": (
        "hardware package_versions training_of training_recipe weights_of"
    ),
    "smile_bench.protocol.reading": "read_result",
    "smile_bench.protocol.replaying": "Replay replay",
    "smile_bench.protocol.report": "result_row table_header",
    "smile_bench.protocol.rerunning": "rerun_agent",
    "smile_bench.protocol.result": (
        "EVIDENCE_FILE FORMAT RESULT_FILE Result normalised_scores render seal sealed task_means"
    ),
    "smile_bench.protocol.schema": (
        "Amount Anything Each Flag Integer Items Number Optional Record Rule Text parse_strictly"
    ),
    "smile_bench.protocol.statistics": (
        "Estimate Profile Summary estimate_improvement estimate_profile interquartile_mean mean "
        "measured optimality_gap performance_profile probability_of_improvement summarise"
    ),
    "smile_bench.protocol.verification": "AgentLoader Finding Verification made_here verify_result",
    "smile_bench.protocol.video": "RenderError record write_film",
    "smile_bench.testing": "check_agent",
}
"""Module to its ``__all__`` at that time."""
