"""Settings as text, of a configuration with every kind of field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import pytest

from smile_bench import settings
from smile_bench.baselines.training import trainable_agents
from smile_bench.envs import all_families
from smile_bench.errors import InputError, UnknownNameError
from smile_bench.settings import (
    AMOUNT,
    COUNT,
    DECAY,
    POSITIVE,
    SHARE,
    Range,
    as_text,
    flatten,
    replaced,
    require_ranges,
)


@dataclass(frozen=True)
class Optimizer:
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class Sac:
    discount: float = 0.97
    hidden: tuple[int, ...] = (256, 256)
    target_entropy: float | None = None
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(frozen=True, kw_only=True)
class Config:
    family: str
    iterations: int = 150
    shared: bool = False
    pooling: Literal["mean", "attention"] = "mean"
    sizes: tuple[int, ...] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    sac: Sac = field(default_factory=Sac)
    parts: int = field(init=False, default=3)

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise InputError(f"iterations is {self.iterations}; give 1 or more.")


CONFIG = Config(family="x")


def test_settings_have_dotted_names() -> None:
    assert flatten(CONFIG) == {
        "family": "x",
        "iterations": 150,
        "shared": False,
        "pooling": "mean",
        "sizes": None,
        "weights": {},
        "sac.discount": 0.97,
        "sac.hidden": (256, 256),
        "sac.target_entropy": None,
        "sac.optimizer.learning_rate": 3e-4,
        "sac.optimizer.betas": (0.9, 0.999),
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("iterations", "40", 40),
        ("iterations", " 40 ", 40),
        ("shared", "true", True),
        ("shared", "False", False),
        ("family", "y", "y"),
        ("pooling", "attention", "attention"),
        ("sizes", "none", None),
        ("sizes", "1,2", (1, 2)),
        ("sizes", "", ()),
        ("sac.discount", "1", 1.0),
        ("sac.discount", "1e-3", 1e-3),
        ("sac.hidden", "64", (64,)),
        ("sac.hidden", "64, 32,16", (64, 32, 16)),
        ("sac.target_entropy", "-3.5", -3.5),
        ("sac.target_entropy", "None", None),
        ("sac.optimizer.betas", "0,0.9", (0.0, 0.9)),
    ],
)
def test_text_becomes_a_value_of_the_field_s_type(name: str, text: str, value: object) -> None:
    changed = flatten(replaced(CONFIG, {name: text}))
    assert changed == {**flatten(CONFIG), name: value}
    assert type(changed[name]) is type(value)
    # What is shown is what is read, and values are read as their text is.
    assert flatten(replaced(CONFIG, {name: as_text(value)})) == changed
    assert flatten(replaced(CONFIG, {name: value})) == changed


def test_settings_of_several_groups_change_together() -> None:
    changes = {"sac.discount": "0.5", "iterations": "2", "sac.optimizer.learning_rate": "0.1"}
    changed = replaced(CONFIG, changes)
    optimizer = Optimizer(learning_rate=0.1)
    assert asdict(changed) == asdict(
        Config(family="x", iterations=2, sac=Sac(discount=0.5, optimizer=optimizer))
    )
    assert replaced(CONFIG, {}) == CONFIG


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("iterations", "1.5", "iterations takes an integer; got '1.5'."),
        ("iterations", 1.0, "iterations takes an integer; got '1.0'."),
        ("shared", "1", "shared takes true or false; got '1'."),
        ("pooling", "max", "pooling takes one of mean, attention; got 'max'."),
        ("sac.discount", "nan", "sac.discount takes a finite number; got 'nan'."),
        ("sac.discount", "", "sac.discount takes a finite number; got ''."),
        ("sac.discount", "none", "sac.discount takes a finite number; got 'none'."),
        ("sac.target_entropy", "x", "sac.target_entropy takes a finite number or none; got 'x'."),
        (
            "sac.hidden",
            "64,a",
            "sac.hidden takes any number of values separated by commas, each an integer; "
            "got '64,a'.",
        ),
        (
            "sac.optimizer.betas",
            "0.9",
            "sac.optimizer.betas takes 2 values separated by commas, each a finite number; "
            "got '0.9'.",
        ),
        ("weights", "a", "weights is of a type that cannot be given as text; change it in "
         "Python with dataclasses.replace."),
        ("iterations", "0", "iterations is 0; give 1 or more."),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_one_line(name: str, text: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        replaced(CONFIG, {name: text})
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sac.discont", "unknown setting 'sac.discont'. Did you mean 'sac.discount'?"),
        ("discount", "unknown setting 'discount'. Did you mean 'sac.discount'?"),
        ("learning_rate", "Did you mean 'sac.optimizer.learning_rate'?"),
        ("sac", "'sac' is a group of settings; give one of sac.discount, sac.hidden, "),
        ("sac.optimizer", "give one of sac.optimizer.learning_rate, sac.optimizer.betas."),
        ("zzz", "unknown setting 'zzz'. Known: 'family', 'iterations', "),
        ("parts", "unknown setting 'parts'"),
        ("iterations.x", "unknown setting 'iterations.x'. Did you mean 'iterations'?"),
    ],
)
def test_a_wrong_name_gets_the_closest_one(name: str, expected: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        replaced(CONFIG, {name: "1"})
    assert expected in str(error.value)


def test_a_former_name_gets_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    former = {"length": ("epochs", "iterations"), "gone": ()}
    monkeypatch.setattr("smile_bench.compat.settings.FORMER_SETTINGS", former)
    monkeypatch.setattr(settings, "FORMER_SETTINGS", former)
    with pytest.raises(UnknownNameError, match="'length' is now called 'iterations'"):
        replaced(CONFIG, {"length": "1"})
    with pytest.raises(UnknownNameError, match="Earlier versions had it; it has no successor"):
        replaced(CONFIG, {"gone": "1"})


@pytest.mark.parametrize(
    ("allowed", "fitting", "wrong", "text"),
    [
        (COUNT, (1, 2**40), (0, -1), "1 or more"),
        (AMOUNT, (0, 0.0, 1e9), (-1, -1e-9), "0 or more"),
        (POSITIVE, (1e-9, 3), (0, 0.0, -2), "a number above 0"),
        (SHARE, (0, 0.5, 1.0), (-0.1, 1.1), "0 to 1"),
        (DECAY, (0.0, 0.999), (-0.1, 1.0), "0 or more, and less than 1"),
    ],
)
def test_numbers_out_of_their_range_are_refused(
    allowed: Range, fitting: tuple[float, ...], wrong: tuple[float, ...], text: str
) -> None:
    def config(value: float) -> Config:
        return replace(CONFIG, sac=Sac(discount=value))

    for value in fitting:
        require_ranges(config(value), {allowed: ("sac.discount",)})
    for value in (*wrong, float("nan")):
        with pytest.raises(InputError) as error:
            require_ranges(config(value), {allowed: ("sac.discount",)})
        assert str(error.value) == f"sac.discount is {as_text(value)}; give {text}."


def test_each_of_several_numbers_has_the_range_and_none_fits() -> None:
    config = replace(CONFIG, sac=Sac(hidden=(64, 0)))
    with pytest.raises(InputError, match=r"^sac\.hidden is 64,0; give 1 or more\.$"):
        require_ranges(config, {COUNT: ("sac.hidden",)})
    require_ranges(CONFIG, {COUNT: ("sac.hidden", "sac.target_entropy", "sizes")})


def presets() -> list[Any]:
    pytest.importorskip("torch")
    found = []
    for spec in trainable_agents().values():
        assert spec.training is not None
        for family in all_families():
            try:
                found.append(spec.training.make_preset(family, 3))
            except InputError:  # The agent is not for this family.
                continue
    return found


def test_every_preset_is_read_back_from_its_text() -> None:
    found = presets()
    assert len(found) >= len(trainable_agents())
    for config in found:
        texts = {name: as_text(value) for name, value in flatten(config).items()}
        assert replaced(config, texts) == config
