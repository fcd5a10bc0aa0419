"""Charts of a run as linked panes on one time axis: `plot_run` for a notebook or a file, `figure_spec` for the dashboard."""

from pairkit.charts.figure import figure_spec, plot_run

__all__ = ["figure_spec", "plot_run"]
