"""Setting widgets, drawn from what `pairkit.config` declares; their values live in the URL.

A widget's key is its setting's name, which is also its name in a link. A value at its default is left out of the link.
Where a page names a `redraw`, a change runs only what it redraws: the widgets themselves are not drawn again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import streamlit as st
from pydantic import ValidationError

from pairkit.config import GROUPS, SETTINGS, StrategyConfig, describe_errors
from pairkit.errors import ConfigError
from pairkit.language import N_, _
from pairkit.setting import Setting, in_words
from pairkit.ui.link import ARRIVED, complete, number_input, refusal
from pairkit.ui.presets import bar
from pairkit.ui.presets.bundled import DEFAULTS
from pairkit.ui.session import KEPT, keep, note_page, page_is_left, run_again

LAST_GOOD = "last_good_config"
_NEEDED = {setting.needs[0] for setting in SETTINGS.values() if setting.needs}
_FAULTS_OF = {group: f"faults_{group}" for group in GROUPS}
PARTS = (bar.PART, *_FAULTS_OF.values())  # what a change of a setting draws anew of the sidebar
Redraw = Callable[[str], None]  # takes the key of the part that holds the changed setting
IN_LINK = "settings_in_link"  # of each setting without widget, its text in the link as it was and as it is to be
TYPED = "_typed"  # ends the key of the number beside a slider
DRAWN = "typed_drawn"  # by the key of such a field, the number that it was drawn with
FIELDS = "typed_fields"  # by setting, how many fields there were beside its slider before this one
TYPED_OVER = "typed_over"  # the last `_TypedOver`, until its slider moves
_ECHO_SECONDS = 3.0
OPEN_AT_START = N_("Signal")
_NAME = re.compile(
    "|".join(rf"\b{name}\b" + ("" if "_" in name else "(?= ?=)") for name in SETTINGS)
)  # of a setting; a plain word only where a value follows it


class _TypedOver(NamedTuple):
    """A number typed beside a slider: of which setting, where the slider stood, the number, and when, monotonic seconds."""

    name: str
    stood: float
    typed: float
    at: float


def choose_config(redraw: Redraw | None = None) -> tuple[StrategyConfig, list[str]]:
    """Draw every setting in the sidebar and return the config they make, as `config_in_force` does.

    `redraw` is called on a change of a setting; without it, the page runs anew.
    """
    note_page()
    with st.sidebar:
        top, below = st.container(), {}
        for group in GROUPS:
            st.fragment(key=f"group_{group}")(_group)(group, redraw)
            below[group] = st.container(key=f"below_{group}")
        for group, place in below.items():
            with place:
                st.fragment(key=_FAULTS_OF[group])(_faults_of)(group)
        with top:
            bar.draw()
        in_link = st.session_state.get(IN_LINK, {})
        complete(
            link_of(_values()),
            {name: wanted for name, (text, wanted) in in_link.items() if text != wanted},
        )
    return config_in_force()


def _group(group: str, redraw: Redraw | None) -> None:
    """The settings of a group; a closed one has no widgets, which would be half of the page's."""
    key = open_key(group)
    box = st.expander(
        _(group), expanded=group == OPEN_AT_START, key=key, on_change="rerun", bind="query-params"
    )
    in_link = st.session_state.setdefault(IN_LINK, {})
    for setting in SETTINGS.values():
        if setting.group != group:
            continue
        if box.open:
            in_link.pop(setting.name, None)
            with box:
                st.fragment(key=part_of(setting))(_widget)(setting, redraw)
        else:
            _without_widget(setting)


def _without_widget(setting: Setting) -> None:
    """Keep the value of a setting that is not drawn, and its place in the link, as its widget would.

    Where the link changed by other hands than ours, on the browser's way back, the setting follows it.
    """
    name = setting.name
    in_link: dict[str, tuple[str | None, str | None]] = st.session_state[IN_LINK]
    text = st.query_params.get(name)
    value = st.session_state.get(name, st.session_state.get(KEPT, {}).get(name))
    if value is None or (text not in in_link.get(name, (text,)) and not st.session_state[ARRIVED]):
        linked = None if text is None else parse(setting, text)
        value = setting.default if linked is None else linked
    st.session_state[name] = value
    in_link[name] = (text, link_of({**DEFAULTS, name: value}).get(name))


def config_in_force() -> tuple[StrategyConfig, list[str]]:
    """The config that the widgets make.

    Where they contradict each other, the last good config is returned instead, and the second part says in sentences why.
    """
    values = _values()
    keep([*SETTINGS, *map(open_key, GROUPS)])
    config, faults = build_config(values)
    if config is None:
        return StrategyConfig(**st.session_state.get(LAST_GOOD, {})), faults
    st.session_state[LAST_GOOD] = values
    return config, []


def _so_far() -> dict[str, Any]:
    """The values while the widgets are being drawn: the default of those that never were."""
    return {name: st.session_state.get(name, default) for name, default in DEFAULTS.items()}


def _values() -> dict[str, Any]:
    return {name: st.session_state[name] for name in SETTINGS}


def build_config(values: Mapping[str, Any]) -> tuple[StrategyConfig | None, list[str]]:
    """The config of these values, or None and why not, in sentences."""
    try:
        return StrategyConfig(**values), []
    except ValidationError as error:
        return None, describe_errors(error)


# --- one widget ----------------------------------------------------------------------------------------------------
def label_of(setting: Setting) -> str:
    """A setting's name in words, with its unit; a fraction is shown in percent."""
    words = in_words(setting.name)
    unit = setting.unit.removeprefix("fraction").strip() if _in_percent(setting) else setting.unit
    return f"{_(words)} ({_(unit)})" if unit and unit not in words else _(words)


def _in_percent(setting: Setting) -> bool:
    return setting.unit.startswith("fraction")


def _widget(setting: Setting, redraw: Redraw | None) -> None:
    """Draw the widget that fits a setting; its value is in the setting's own kind and unit."""
    label = label_of(setting)
    idle = setting.idle(_so_far(), SETTINGS)
    help_ = _(
        "{help}\n\n`{setting_name}`: {accepted}; default {default}.",
        help=_(setting.help),
        setting_name=setting.name,
        accepted=setting.accepted,
        default=setting.default,
    )
    more: dict[str, Any] = {
        "key": setting.name,
        "bind": "query-params",
        "on_change": partial(_answer, setting, redraw),
        "help": f"**{idle}**\n\n{help_}" if idle else help_,
        "disabled": bool(idle),
    }
    if setting.kind == "bool":
        st.toggle(label, setting.default, **more)
    elif setting.kind == "choice":
        st.selectbox(
            label,
            setting.options,
            setting.options.index(setting.default),
            format_func=setting.option_name,
            **more,
        )
    else:
        slider, typed = st.columns([3, 2], vertical_alignment="bottom")
        with slider:
            _slider(setting, label, {**more, "on_change": partial(_moved, setting, redraw)})
        with typed:
            _typed(setting, label, redraw, disabled=bool(idle))


def _answer(setting: Setting, redraw: Redraw | None) -> None:
    """Keep the value, should the page be left, and draw what it changes."""
    keep([setting.name])
    # What others depend on draws the whole page, for they may have to be disabled.
    if redraw is None or setting.name in _NEEDED:
        run_again()
    else:
        redraw(part_of(setting))


def _moved(setting: Setting, redraw: Redraw | None) -> None:
    """Answer a slider, but for one that a number was just typed over: until it is drawn anew the browser sends where it stood."""
    name = setting.name
    last: _TypedOver | None = st.session_state.pop(TYPED_OVER, None)
    is_echo = (
        last is not None
        and (last.name, last.stood) == (name, st.session_state[name])
        and (page_is_left() or monotonic() - last.at < _ECHO_SECONDS)
    )
    if last and is_echo:
        st.session_state[name] = last.typed
    else:
        fields = st.session_state.setdefault(FIELDS, {})
        fields[name] = fields.get(name, 0) + 1
    _answer(setting, redraw)


def _slider(setting: Setting, label: str, more: dict[str, Any]) -> None:
    if setting.scale == "log":
        st.select_slider(
            label, _log_options(setting), setting.default, format_func=short_number, **more
        )
    elif setting.kind == "int":
        st.slider(
            label,
            int(setting.low),
            int(setting.high),
            setting.default,
            int(setting.step),
            **more,
        )
    else:
        st.slider(
            label,
            setting.low,
            setting.high,
            setting.default,
            setting.step,
            format=_format(setting),
            **more,
        )


def _typed(setting: Setting, label: str, redraw: Redraw | None, *, disabled: bool) -> None:
    """The exact number beside a slider: shows its value, and sets it.

    Each move of the slider makes another field, for the browser sends what stands in the old one together with the next move. What
    comes back as it was drawn is no choice: Streamlit takes it for one where a run was cut short by the next. Nor is an empty field,
    whose number comes back.
    """
    made = st.session_state.get(FIELDS, {}).get(setting.name, 0)
    key = f"{setting.name}{TYPED}_{made}" if made else f"{setting.name}{TYPED}"
    whole, size = setting.kind == "int", 100 if _in_percent(setting) else 1
    number = int if whole else float

    def shown(value: float) -> int | float:
        return number(value) if size == 1 else float(f"{value * size:.12g}")

    drawn = st.session_state.setdefault(DRAWN, {})

    def set_slider() -> None:
        value = st.session_state[key]
        if value in (None, drawn[key]):
            return
        typed = value if size == 1 else float(f"{value / size:.12g}")
        st.session_state[TYPED_OVER] = _TypedOver(
            setting.name, st.session_state[setting.name], typed, monotonic()
        )
        st.session_state[setting.name] = typed
        _answer(setting, redraw)

    drawn[key] = st.session_state[key] = shown(st.session_state[setting.name])
    st.number_input(
        _("{label}, exact", label=label),
        shown(setting.low),
        shown(setting.high),
        None,
        step=shown(setting.step) if setting.scale != "log" else None,
        format="%d" if whole else "%g",
        key=key,
        on_change=set_slider,
        disabled=disabled,
        label_visibility="collapsed",
    )


def open_key(group: str) -> str:
    """The key, also in the link, of whether a group is open."""
    return f"open_{group.lower()}"


def part_of(setting: Setting) -> str:
    """The key of the part of the page that holds a setting's widgets."""
    return f"setting_{setting.name}"


def field(setting: Setting, *, key: str) -> Any:
    """Draw a setting outside the sidebar: a number to type, a choice or a switch, bound to the link under `key`."""
    label = label_of(setting)
    if setting.kind == "bool":
        return st.toggle(label, setting.default, key=key, help=_(setting.help), bind="query-params")
    if setting.kind == "choice":
        return st.selectbox(
            label,
            setting.options,
            setting.options.index(setting.default),
            format_func=setting.option_name,
            key=key,
            help=_(setting.help),
            bind="query-params",
            width=220,
        )
    kind = int if setting.kind == "int" else float
    return number_input(
        st.container(width="content"),
        label,
        kind(setting.low),
        kind(setting.high),
        setting.default,
        kind(setting.step),
        key=key,
        help=_(setting.help),
        width=170,
    )


def _format(setting: Setting) -> str:
    """Number format of a slider: percent, or with the decimals of its step."""
    if _in_percent(setting):
        return "percent"
    decimals = max(1, -math.floor(math.log10(setting.step)))
    return f"%.{decimals}f"


def log_grid(setting: Setting) -> list[float]:
    """1, 2 and 5 of every power of ten within the bounds, and the default."""
    low, high = float(setting.low), float(setting.high)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    grid = {float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)}
    return sorted({value for value in grid if low <= value <= high} | {float(setting.default)})


def _log_options(setting: Setting) -> list[float]:
    """The grid, and whatever other value a link or another page brought, kept so that the widget stays the same one."""
    brought: dict[str, float] = st.session_state.setdefault("off_grid", {})
    grid, chosen = log_grid(setting), st.session_state.get(setting.name)
    linked = parse(setting, st.query_params.get(setting.name, ""))
    if chosen is not None and chosen not in grid:
        brought[setting.name] = chosen
    elif linked is not None and linked not in grid:
        brought.setdefault(setting.name, linked)
    return sorted({*grid, brought.get(setting.name, setting.default)})


def short_number(value: float) -> str:
    """A number short enough for a slider, and exact: 200k, 5M, 0.001."""
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.12g}{suffix}"
    return f"{value:.12g}"


# --- contradictions -------------------------------------------------------------------------------------------------
def _faults_of(group: str) -> None:
    """Draw the contradictions among the settings of a group, below them, so that no slider moves."""
    for fault in build_config(_values())[1]:
        named = [name for name in SETTINGS if re.search(rf"\b{name}\b", fault)]
        if group == (SETTINGS[named[0]].group if named else GROUPS[0]):
            st.warning(with_labels(fault), icon=":material/error:")


def with_labels(fault: str) -> str:
    """A sentence about settings as a page says it: each under its label, not its name in a config."""
    sentence = _NAME.sub(lambda name: _(in_words(name[0])), fault)
    return sentence[:1].upper() + sentence[1:]


# --- links ---------------------------------------------------------------------------------------------------------
def parse(setting: Setting, text: str) -> Any:
    """The value of a link's text for a setting, or None where it is not accepted."""
    try:
        return setting.read(text)
    except ConfigError:
        return None


def accept_plain(params: Mapping[str, str]) -> None:
    """Accept what a link spells out, 200000 and kalman, where the widget itself reads 200k and Kalman filter alone.

    Called before the widgets are drawn.
    """
    for name, setting in SETTINGS.items():
        value = parse(setting, params.get(name, "")) if _has_own_words(setting) else None
        if value is not None:
            st.session_state[name] = value


def _has_own_words(setting: Setting) -> bool:
    """Whether a widget writes the setting's value in words of its own."""
    return setting.scale == "log" or bool(setting.names)


def faults_of_link(params: Mapping[str, str]) -> list[str]:
    """A sentence for each setting in a link whose value is not accepted; its default is used instead."""
    return [
        refusal(
            _(in_words(name)),
            name,
            params[name],
            setting.accepted,
            _("The default, {default}, is used.", default=setting.default),
        )
        for name, setting in SETTINGS.items()
        if name in params and parse(setting, params[name]) is None
    ]


def link_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The query parameters that make a page open with these settings: those that are not at their defaults."""
    texts = {}
    for name, setting in SETTINGS.items():
        value = values[name]
        if value != setting.default:
            text = (
                short_number(value) if setting.scale == "log" else setting.option_name(str(value))
            )
            texts[name] = text.lower() if setting.kind == "bool" else text
    return texts
