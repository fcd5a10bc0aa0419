"""Presets of settings: those that ship, the user's own, undo and redo, and the bar in the sidebar that applies them."""
