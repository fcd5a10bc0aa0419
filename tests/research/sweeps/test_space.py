"""Parameter spaces: what is tried, what is left out, and what is refused, against StrategyConfig itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import ConfigError
from pairkit.research.sweeps import space as spaces
from pairkit.research.sweeps.space import make_trials

BASE = StrategyConfig()
NUMBERS = [name for name, setting in SETTINGS.items() if setting.kind in ("int", "float")]


def accepted_by_config(name, value) -> bool:
    """Whether StrategyConfig takes the value, other fields being made to fit."""
    room = {"exit_z": 0.0, "stop_z": 10.0} if name == "entry_z" else {}
    room |= {"entry_z": 5.0, "stop_z": 10.0} if name == "exit_z" else {}
    room |= {"entry_z": 0.5, "exit_z": 0.0} if name == "stop_z" else {}
    room |= {"vol_baseline_window": 750} if name == "vol_window" else {}
    room |= {"vol_window": 5} if name == "vol_baseline_window" else {}
    try:
        StrategyConfig(**{**room, name: value})
    except ValidationError:
        return False
    return True


@given(
    name=st.sampled_from(list(SETTINGS)),
    value=st.one_of(
        st.integers(-5, 800),
        st.floats(-1, 30),
        st.sampled_from([0.5, 1.0, 10.0, 1e6, np.nan, np.inf]),
        st.booleans(),
        st.none(),
        st.sampled_from(["log", "ols", "open", "adf_spread", ""]),
        st.integers(1, 500).map(np.int64),
        st.floats(0, 5).map(np.float64),
    ),
)
def test_a_value_is_taken_where_the_config_takes_it(name, value):
    """A space accepts and refuses single values as StrategyConfig does."""
    base = BASE.replace(entry_z=1.0, exit_z=0.0, stop_z=9.0)
    try:
        make_trials(base, {name: [value]})
    except ConfigError as error:
        taken = "contradicts itself" in str(error)
    else:
        taken = True
    assert taken == accepted_by_config(name, value)


@given(st.data())
def test_what_is_left_out_is_what_the_config_refuses(data):
    """Of a grid, exactly the combinations that StrategyConfig takes are kept, in the order of the grid."""
    drawn = {
        name: data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))
        for name, values in {
            "entry_z": [0.5, 1.0, 2.0, 3.0],
            "exit_z": [0.0, 1.0, 2.0, 3.0],
            "stop_z": [1.0, 2.0, 4.0],
            "vol_window": [5, 20, 120],
            "vol_baseline_window": [20, 120],
        }.items()
    }
    wanted = []
    for combination in itertools.product(*drawn.values()):
        try:
            wanted.append(StrategyConfig(**dict(zip(drawn, combination, strict=True))))
        except ValidationError:
            continue
    if not wanted:
        with pytest.raises(ConfigError, match="contradicts itself"):
            make_trials(BASE, drawn)
        return
    trials = make_trials(BASE, drawn)
    assert [trials.config(row) for row in range(len(trials))] == wanted
    assert trials.left_out == np.prod([len(values) for values in drawn.values()]) - len(wanted)


def test_a_range_is_its_steps_with_both_ends():
    """(low, high, step) lists plain decimals, (low, high) takes the field's own step, and whole numbers stay whole."""
    values = make_trials(
        BASE, {"entry_z": (1.5, 3.0, 0.1), "exit_z": (0.0, 0.2), "hedge_window": (40, 60, 7)}
    ).values
    assert values["entry_z"].tolist() == [
        1.5,
        1.6,
        1.7,
        1.8,
        1.9,
        2.0,
        2.1,
        2.2,
        2.3,
        2.4,
        2.5,
        2.6,
        2.7,
        2.8,
        2.9,
        3.0,
    ]
    assert values["exit_z"].tolist() == [0.0, 0.05, 0.1, 0.15, 0.2]
    assert values["hedge_window"].tolist() == [40, 47, 54]
    assert values["hedge_window"].dtype == np.int64


def test_equal_values_and_draws_are_tried_once():
    """A value given twice is one value; draws that repeat are made once and counted."""
    assert len(make_trials(BASE, {"entry_z": [2.0, 2, np.float64(2.0), 2.5]})) == 2
    trials = make_trials(
        BASE, {"cooldown_days": (0, 3), "rearm": [True, False]}, n=200, method="random"
    )
    assert len(trials) == 8
    assert trials.repeated == 192
    assert len({trials.config(row) for row in range(8)}) == 8


@pytest.mark.parametrize("name", NUMBERS)
def test_draws_stay_within_their_range(name):
    """Random and Latin draws over a field's whole range are values that the config takes."""
    setting = SETTINGS[name]
    kind = int if setting.kind == "int" else float
    for method in ("random", "latin_hypercube"):
        drawn = make_trials(
            BASE.replace(entry_z=1.0, exit_z=0.0, stop_z=9.0),
            {name: (kind(setting.low), kind(setting.high))},
            n=50,
            method=method,
            seed=2,
        ).values[name]
        assert all(accepted_by_config(name, value) for value in drawn)


def test_a_latin_hypercube_draws_once_from_each_slice():
    """Of n draws of a number, one lies in each n-th of its range, in log for a field on a log scale."""
    trials = make_trials(BASE, {"max_loss": (0.0, 1.0), "kalman_gamma": (1e-6, 1e-1)}, n=40, seed=3)
    drawn = trials.columns()
    assert sorted((drawn["max_loss"] * 40).astype(int)) == list(range(40))
    assert sorted(((np.log10(drawn["kalman_gamma"]) + 6) / 5 * 40).astype(int)) == list(range(40))


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "name at least one field"),
        ({"entri_z": [2.0]}, "'entry_z' is the closest"),
        ({"entry_z": []}, "no value"),
        ({"entry_z": 2.0}, "give a list"),
        ({"hedge_model": "ols"}, "give a list"),
        ({"entry_z": [9.0]}, "accepted is a number from 0.5 to 5"),
        ({"hedge_window": [40.0]}, "accepted is a whole number from 20 to 500"),
        ({"hedge_model": ["lasso"]}, "one of ols"),
        ({"rearm": [1]}, "true or false"),
        ({"entry_z": (3.0, 2.0)}, "lower end first"),
        ({"entry_z": (1.0, 2.0, 0.0)}, "above 0"),
        ({"hedge_window": (40, 60, 2.5)}, "a whole number above 0"),
        ({"entry_z": (1.0, 2.0, 0.5, 3.0)}, r"a range is \(low, high\)"),
        ({"kalman_gamma": (1e-6, 1e-1)}, "orders of magnitude"),
        ({"entry_z": [3.0], "stop_z": [2.0]}, "contradicts itself"),
        (
            {"hedge_window": (20, 500), "z_window": (10, 500), "adf_window": (40, 750)},
            "Use larger steps",
        ),
    ],
)
def test_a_space_that_cannot_be_used_is_refused_in_words(space, words):
    """The message says what was found and what is accepted."""
    with pytest.raises(ConfigError, match=words):
        make_trials(BASE, space)


@pytest.mark.parametrize(
    ("n", "method", "words"),
    [
        (10, "grid", "goes with"),
        (None, "random", "how many to draw"),
        (0, None, "from 1 to"),
        (10, "sobol", "accepted is one of"),
    ],
)
def test_the_number_of_draws_must_fit_the_method(n, method, words):
    """A grid takes no n, a draw needs one, and a method must be known."""
    with pytest.raises(ConfigError, match=words):
        make_trials(BASE, {"entry_z": (1.0, 2.0)}, n=n, method=method)


def test_too_fine_a_grid_is_refused_before_it_is_made():
    """A step that would list billions of values costs no memory."""
    with pytest.raises(ConfigError, match="use a larger step"):
        make_trials(BASE, {"capital": (1e4, 1e10, 1e-3)})
    assert spaces.MOST_TRIALS < 10**7
