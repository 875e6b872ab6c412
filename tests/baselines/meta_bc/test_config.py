"""Meta-BC's settings: which ones cannot be trained, on which access."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smile_bench.access import Access
from smile_bench.baselines.meta_bc.config import RANGES, MetaBCConfig, require_fitting
from smile_bench.errors import InputError
from smile_bench.settings import AMOUNT, COUNT, SHARE, as_text, flatten, replaced
from tests.helpers import synthetic
from tests.helpers.tiny import META_BC, access_for

BAD = {COUNT: 0, AMOUNT: -1, SHARE: 1.5}
CASES = [(name, BAD[allowed]) for allowed, names in RANGES.items() for name in names]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_numbers_out_of_range_are_refused(name: str, value: float) -> None:
    changed = replaced(META_BC, {name: as_text(value)})
    with pytest.raises(InputError, match=rf"^{name} is {value}(\.0)?; give "):
        require_fitting("meta-bc", changed, access_for("meta-bc"))


def test_every_number_has_a_range() -> None:
    """Or is refused elsewhere."""
    elsewhere = {"members", "augmentation.outlier_fraction", "augmentation.permuted_width"}
    numbers = {
        name
        for name, value in flatten(META_BC).items()
        if isinstance(value, int | float | tuple) and not isinstance(value, bool)
    }
    ranged = {name for name, _ in CASES}
    assert ranged < numbers
    assert numbers - ranged == elsewhere


def test_settings_must_fit_the_access() -> None:
    require_fitting("meta-bc", META_BC, access_for("meta-bc"))
    data = synthetic.dataset()
    hidden = Access(synthetic.FAMILY, track="offline", state_only=True, dataset=data)
    with pytest.raises(InputError, match=r"meta-dagger clones actions.*an access with actions"):
        require_fitting("meta-dagger", META_BC, hidden)
    other: MetaBCConfig = replace(META_BC, family="SmileAntLinearClassification-v0")
    with pytest.raises(InputError, match=r"for SmileAntLinear.* the access is to SmileAntGoal"):
        require_fitting("meta-bc", other, access_for("meta-bc"))
