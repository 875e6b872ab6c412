from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smile_bench.datasets.minari import from_minari, to_minari
from smile_bench.envs import SPLITS
from smile_bench.errors import DatasetError
from tests.helpers import synthetic

pytest.importorskip("minari")


@pytest.mark.parametrize("subsample", [1, 20])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_going_to_minari_and_back_keeps_every_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subsample: int
) -> None:
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = synthetic.dataset(subsample=subsample)
    to_minari(dataset, "smile/ant-goal-v0")
    exported = minari.load_dataset("smile/ant-goal-v0")
    assert exported.total_episodes == 36
    episode = exported[0]
    np.testing.assert_array_equal(episode.observations[:-1], dataset.train.observations[0, 0])
    back = from_minari(exported)
    assert back.digest() == dataset.digest()
    assert dict(back.attributes) == dict(dataset.attributes)
    for split in SPLITS:
        for name, array in dataset.split(split).arrays().items():
            np.testing.assert_array_equal(back.split(split).arrays()[name], array)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_another_minari_dataset_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    exported = to_minari(synthetic.dataset(), "smile/ant-goal-v0")
    metadata = {k: v for k, v in exported.storage.metadata.items() if "smile" not in k}

    class Other:
        class storage:  # noqa: N801
            pass

    Other.storage.metadata = metadata  # type: ignore[attr-defined]
    with pytest.raises(DatasetError, match="not exported by smile-bench"):
        from_minari(Other)
