"""Demonstrations made ready: what is filtered, what is normalised, what is counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.baselines.imitation.prepared import prepare, shared_demonstrations
from smile_bench.datasets import Dataset
from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.streams import Streams
from tests.helpers import synthetic


def access(dataset: Dataset | None = None, *, state_only: bool = False) -> Access:
    data = dataset or synthetic.dataset()
    return Access(synthetic.FAMILY, track="offline", state_only=state_only, dataset=data)


def with_outliers() -> Dataset:
    """The last five states of the first of four demonstrations of 40 are far from all others."""
    made = synthetic.dataset(length=40)
    made.train.observations[:, 0, 35:] += 20.0
    return made


def test_by_default_nothing_is_changed() -> None:
    given = access()
    data = prepare([given], AugmentationConfig(), CPU)
    train = synthetic.dataset().train
    assert data.outlier_filter is None
    assert torch.equal(
        data.demonstrations.states, torch.from_numpy(data.normaliser(train.observations))
    )
    features, streams = data.demonstrations.features[None, :, 0], Streams([0])
    matrices = data.permutations.sample(streams, features.shape[1])
    assert data.permutations(features, matrices) is features
    assert data.noise(features, streams) is features
    assert given.counts.demonstrations == 12
    assert given.counts.validation_demonstrations == 0


def test_outliers_are_left_out_and_the_normaliser_is_of_all_states() -> None:
    dataset = with_outliers()
    observed = dataset.train.observations
    data = prepare([access(dataset)], AugmentationConfig(outlier_fraction=0.1), CPU)
    found, expected = data.outlier_filter, OutlierFilter.of(observed, 0.1)
    assert found is not None
    np.testing.assert_array_equal(found.location, expected.location)
    assert found.bound == expected.bound
    whole = Normaliser.of(observed)
    np.testing.assert_array_equal(data.normaliser.mean, whole.mean)
    np.testing.assert_array_equal(data.normaliser.scale, whole.scale)
    far = torch.from_numpy(whole(observed[:, 0, 35:])).mean(-1).min()
    assert float(data.demonstrations.states.mean(-1).max()) < float(far)
    # Others take their places: as many transitions as before.
    assert data.demonstrations.states.shape == observed.shape


@pytest.mark.parametrize("state_only", [False, True])
def test_noise_and_permutations_are_of_what_episodes_show(state_only: bool) -> None:
    given = access(synthetic.showing_dataset(), state_only=state_only)
    augmentation = AugmentationConfig(constant_feature_noise=0.5, permuted_width=2)
    data = prepare([given], augmentation, CPU)
    assert data.noise.demonstrations is data.permutations.demonstrations is data.demonstrations
    assert (data.noise.scale, data.permutations.width) == (0.5, 2)
    assert (data.demonstrations.actions is None) is state_only


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (AugmentationConfig(permuted_width=3), "do not form vectors of length 3"),
        (AugmentationConfig(outlier_fraction=0.5), r"outlier_fraction is 0\.5"),
        (AugmentationConfig(outlier_fraction=-0.1), r"outlier_fraction is -0\.1"),
    ],
)
def test_an_augmentation_that_does_not_fit_is_refused(
    augmentation: AugmentationConfig, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepare([access()], augmentation, CPU)


def test_trainings_share_the_demonstrations_that_all_of_them_have() -> None:
    accesses = [access(), access(), access()]
    prepare(accesses, AugmentationConfig(), CPU)
    assert [each.counts.demonstrations for each in accesses] == [12, 12, 12]
    assert {each.counts.validation_demonstrations for each in accesses} == {0}


@pytest.mark.parametrize(
    "other", [access(synthetic.dataset(seed=1)), access(state_only=True)], ids=["others", "hidden"]
)
def test_trainings_with_other_demonstrations_are_refused(other: Access) -> None:
    with pytest.raises(InputError, match=r"same train demonstrations.*one after another"):
        prepare([access(), other], AugmentationConfig(), CPU)
    if not other.state_only:
        with pytest.raises(InputError, match="same validation demonstrations"):
            shared_demonstrations([access(), other], "validation")
