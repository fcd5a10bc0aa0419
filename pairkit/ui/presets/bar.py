"""Preset bar of the sidebar: the preset in force, the way back to the defaults, undo and redo, and the user's own presets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pairkit.errors import RunError
from pairkit.language import _
from pairkit.ui.presets import history, own
from pairkit.ui.presets.bundled import CUSTOM, DEFAULTS, PRESETS, Preset, preset_of
from pairkit.ui.views import escape

PART = "presets"  # the key of the part of the page
KEY = "preset"  # begins the key of the box
_SHOWN = "preset_shown"  # by the key of each box there was, what it showed
_NAME, _FAULT = "preset_name", "preset_fault"


@st.fragment(key=PART)
def draw() -> None:
    """Draw the bar; every setting has its value by now."""
    values, mine = {name: st.session_state[name] for name in DEFAULTS}, own.load()
    presets = {**PRESETS, **mine}
    history.note(values)
    current = preset_of(values, DEFAULTS, presets)
    changed = _changed()
    key = _key_of(current)
    options = [*presets, CUSTOM] if current == CUSTOM else list(presets)
    help_ = "  \n".join(
        f"**{escape(_(name))}**: {_(preset.help)}" for name, preset in presets.items()
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", key="history"):
        st.selectbox(
            _("Preset"),
            options,
            key=key,
            format_func=_,
            on_change=_chosen,
            args=(key, presets),
            help=help_,
        )
        for name, by in (("undo", -1), ("redo", 1)):
            st.button(
                f":material/{name}:",
                key=name,
                on_click=_step,
                args=(by,),
                disabled=not history.can_step(by),
                help=_("{name} the last change of settings.", name=name.capitalize()),
            )
        with st.popover(
            _("My presets"),
            icon=":material/bookmark:",
            key="my_presets",
            width="content",
            help=_("Reset the settings, or keep them as a preset of your own."),
        ):
            _reset(len(changed), len(values))
            _own_presets(mine)


def _reset(changed: int, every: int) -> None:
    """Draw the button that sets all settings to their defaults; so many of them differ."""
    st.button(
        _("Reset"),
        key="reset",
        on_click=_apply,
        args=({},),
        disabled=not changed,
        width="stretch",
        help=_(
            "Set all to default. {changed} of {values} settings differ from it.",
            changed=changed,
            values=every,
        )
        if changed
        else _("Every setting is at its default."),
    )


def _own_presets(mine: Mapping[str, Preset]) -> None:
    """Draw the form that saves the settings under a name, and a button for each own preset that deletes it."""
    with st.form("own_preset_form", border=False):
        st.text_input(_("Save these settings as"), key=_NAME, max_chars=own.MAX_NAME)
        st.form_submit_button(_("Save preset"), key="save_preset", on_click=_save)
    for name in mine:
        st.button(
            _("Delete {name}", name=escape(name)),
            key=f"delete_preset_{name}",
            icon=":material/delete:",
            on_click=_store,
            args=(own.delete, name),
        )
    fault = st.session_state.pop(_FAULT, "")
    if fault:
        st.error(escape(fault), icon=":material/error:")


def _changed() -> dict[str, Any]:
    """The settings that differ from their defaults, as the widgets have them now."""
    return {
        name: st.session_state[name]
        for name, default in DEFAULTS.items()
        if st.session_state[name] != default
    }


def _save() -> None:
    # Not as the button's arguments, which would be those of the page before the name was typed.
    _store(own.save, st.session_state[_NAME], _changed())


def _store(change: Callable[..., object], *what: Any) -> None:
    try:
        change(*what)
    except RunError as error:
        st.session_state[_FAULT] = str(error)


def _key_of(current: str) -> str:
    """The key of a box that shows this preset: of another box, where settings were moved off the one that it showed.

    Of the box that there was, the browser sends what it showed together with the next move, which would count as a choice.
    """
    shown: dict[str, str] = st.session_state.setdefault(_SHOWN, {})
    key = next(reversed(shown), KEY)
    if shown.get(key, current) != current:
        key = f"{KEY}_{len(shown)}"
    shown[key] = st.session_state[key] = current
    return key


def _chosen(key: str, presets: Mapping[str, Preset]) -> None:
    chosen = st.session_state[key]
    if chosen in presets and chosen != st.session_state[_SHOWN][key]:
        _apply(presets[chosen].changes)


def _step(by: int) -> None:
    _apply(history.step(by))


def _apply(values: Mapping[str, Any]) -> None:
    """Set every setting, those not named to their defaults."""
    for setting, value in {**DEFAULTS, **values}.items():
        st.session_state[setting] = value
    st.rerun()  # the whole page: this part alone would leave the sliders where they were
