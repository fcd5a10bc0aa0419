"""Column names of every table, with unit and meaning; the tables in docs/columns.md are made from this module."""

from __future__ import annotations

from typing import NamedTuple

from pairkit.gates import GATES
from pairkit.language import _
from pairkit.setting import MONEY


class Column(NamedTuple):
    """Declaration of a column.

    Parameters
    ----------
    name : str
        As in the table.
    unit : str
        "" for none.
    meaning : str
        In a sentence; docs/columns.md is made of these.
    """

    name: str
    unit: str
    meaning: str


# --- bars of one leg (docs/semantics.md 1) -------------------------------------------------------------------------
BAR_COLUMNS = (
    Column("open", "quote", "First price of the session."),
    Column("high", "quote", "Highest price of the session."),
    Column("low", "quote", "Lowest price of the session."),
    Column("close", "quote", "Last price of the session."),
    Column("settle", "quote", "Exchange settlement price."),
    Column("volume", "lots", "Lots traded."),
    Column("open_interest", "lots", "Lots open at the close."),
)
ROLL_COLUMNS = (
    Column(
        "contract", "", "Contract held today; chosen from what was known at the previous close."
    ),
    Column("pre_close", "quote", "Previous close of the contract held today."),
    Column(
        "roll_open", "quote", "Today's open of the contract held yesterday, on a roll day only."
    ),
    Column("up_limit", "quote", "Upper price limit of the session; NaN where unknown."),
    Column("down_limit", "quote", "Lower price limit of the session; NaN where unknown."),
    Column(
        "leave", "", "The contract held today must be left: no entry, and a position is closed."
    ),
)
LEG_COLUMNS = BAR_COLUMNS + ROLL_COLUMNS
LEGS = ("y", "x")
TRADE_DATE = "trade_date"

# --- one row per bar of a run (docs/semantics.md 2 and 3) ----------------------------------------------------------
RUN_COLUMNS = (
    Column("y", "log or quote", "Adjusted series of the regressed leg, anchored at its first bar."),
    Column("x", "log or quote", "Adjusted series of the regressor leg, anchored at its first bar."),
    Column("alpha", "log or quote", "Intercept of the hedge, known at this close."),
    Column("beta", "", "Hedge ratio, known at this close."),
    Column(
        "alpha_lag", "log or quote", "Intercept of the previous complete bar: the one that is used."
    ),
    Column("beta_lag", "", "Hedge ratio of the previous complete bar: the one that is used."),
    Column("spread", "log or quote", "y - alpha_lag - beta_lag x."),
    Column("z", "sigma", "Spread against its own mean and deviation over z_window."),
    Column("hedged_return", "log or quote", "Change of y less beta_lag times the change of x."),
    Column("vol", "per bar", "Deviation of the hedged return over vol_window."),
    Column("vol_ratio", "", "vol over the same on vol_baseline_window."),
    Column("beta_jump", "fraction", "Change between the two previous hedge ratios, relative."),
    Column("adf_pvalue", "", "P-value of the stationarity test over adf_window."),
    Column(
        "median_volume",
        "lots",
        "Median volume of 20 bars, of the leg that trades less; NaN where liquidity_gate is off.",
    ),
    Column(
        "valid", "", "The bar is complete, and z and beta_lag are finite: decisions are allowed."
    ),
    *(
        Column(gate.column, "", f"{gate.subject.capitalize()}: open, shut or off.")
        for gate in GATES
    ),
    Column("state", "", "What was decided at this close."),
    Column("reason", "", "Why it was decided."),
    Column("position", "", "+1 long spread, -1 short, 0 flat, after the day's fills."),
    Column("lots_y", "lots", "Lots of y held after the day's fills, signed."),
    Column("lots_x", "lots", "Lots of x held after the day's fills, signed."),
    Column("pnl", MONEY, "Profit and loss of the bar before costs."),
    Column("cost", MONEY, "Fees and slippage of the bar."),
    Column("equity", MONEY, "Capital plus all P&L less all costs."),
    Column(
        "drawdown",
        "fraction",
        "Fall from the highest equity so far, which starts at capital; of the capital.",
    ),
    Column("deferred", "", "A waiting order could not fill on this bar."),
)

# --- one row per round trip ----------------------------------------------------------------------------------------
TRADE_COLUMNS = (
    Column("side", "", "long or short the spread."),
    Column("entry_decided", "", "Date at whose close the entry was decided."),
    Column("entry_filled", "", "Date on which it filled."),
    Column("exit_decided", "", "Date at whose close the exit was decided; empty while open."),
    Column("exit_filled", "", "Date on which it filled; empty while open."),
    Column("lots_y", "lots", "Lots of y, signed."),
    Column("lots_x", "lots", "Lots of x, signed."),
    Column("entry_price_y", "quote", "Fill price of y at entry."),
    Column("entry_price_x", "quote", "Fill price of x at entry."),
    Column("exit_price_y", "quote", "Fill price of y at exit."),
    Column("exit_price_x", "quote", "Fill price of x at exit."),
    Column("entry_z", "sigma", "z when the entry was decided."),
    Column("exit_z", "sigma", "z when the exit was decided; NaN where it was not valid."),
    Column("exit_reason", "", "Why it was closed; open where it is not."),
    Column("bars_held", "bars", "Bars from fill to fill, or to the last bar while open."),
    Column("gross", MONEY, "P&L before costs."),
    Column("costs", MONEY, "Fees and slippage: entry, rolls, exit."),
    Column("net", MONEY, "gross less costs."),
    Column("worst_mark", MONEY, "Lowest net P&L at a close, or at the exit."),
    Column("best_mark", MONEY, "Highest net P&L at a close, or at the exit."),
    Column(
        "reversion",
        "sigma",
        "How far z came back from entry to exit decision; NaN where the exit's z is not known.",
    ),
    Column(
        "reversion_lots",
        "sigma",
        "Of that, what prices moved under the entry's hedge, which the lots keep.",
    ),
    Column("reversion_hedge", "sigma", "Of that, what another hedge ratio made of the spread."),
    Column("reversion_mean", "sigma", "Of that, what the moving mean made."),
    Column("reversion_deviation", "sigma", "Of that, what the moving deviation made."),
    Column(
        "hedge_drift",
        "fraction",
        "Largest relative change of beta_lag since the entry was decided; the lots stay.",
    ),
)


# --- metrics of a run (docs/semantics.md 5) ------------------------------------------------------------------------
class Metric(NamedTuple):
    """Declaration of a metric: its name, unit and meaning, and how it is shown.

    Parameters
    ----------
    name : str
        As in `run.metrics`.
    unit : str
        "" for none.
    meaning : str
        In a sentence.
    missing : str
        Why it may be NaN.
    low_is_good : bool
        Whether less is better.
    whole : bool
        Whether it is a whole number.
    tile, summary, listed : bool
        Whether it is shown at first sight, in a report's summary, in a list of runs.
    weak_below : int
        Number of closed trades that it should rest on.
    """

    name: str
    unit: str
    meaning: str
    missing: str = "it cannot be computed"
    low_is_good: bool = False
    whole: bool = False
    tile: bool = False
    summary: bool = False
    listed: bool = False
    weak_below: int = 0

    @property
    def label(self) -> str:
        """Display name of the metric."""
        return _LABELS.get(self.name, self.name.replace("_", " ").capitalize())


_LABELS = {
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "psr": "PSR",
    "dsr": "DSR",
}
_UNMOVED = "equity never moved"
_NONE_CLOSED = "no trade was closed"
# A psr or dsr over fewer closed trades is weak: unrelated pairs that traded one to three times pass 95 % in 14 to 17 %.
LEAST_TRADES = 10
METRICS = (
    Metric(
        "total_return", "fraction", "Last equity over capital, less one.", tile=True, listed=True
    ),
    Metric("annual_return", "fraction", "Mean bar return x 252."),
    Metric(
        "annual_vol",
        "fraction",
        "Deviation of bar returns x sqrt(252).",
        "fewer than two bars",
        low_is_good=True,
    ),
    Metric(
        "sharpe",
        "",
        "Mean over deviation of bar returns x sqrt(252); NaN without variation.",
        _UNMOVED,
        tile=True,
        listed=True,
    ),
    Metric(
        "sortino",
        "",
        "Mean over the root mean square of the bar returns below 0, x sqrt(252); NaN without one below 0.",
        "no bar lost",
    ),
    Metric(
        "max_drawdown",
        "fraction",
        "Largest fall from a peak, of the capital, which is the first peak.",
        low_is_good=True,
        tile=True,
        listed=True,
    ),
    Metric(
        "calmar",
        "",
        "annual_return over max_drawdown; NaN without a drawdown.",
        "there was no drawdown",
    ),
    Metric(
        "underwater_bars",
        "bars",
        "The most bars in a row with equity below its peak.",
        low_is_good=True,
        whole=True,
    ),
    Metric("trades", "", "Entries filled.", whole=True, tile=True, listed=True),
    Metric(
        "win_rate",
        "fraction",
        "Share of closed trades with net P&L above 0; NaN with none.",
        _NONE_CLOSED,
        summary=True,
    ),
    Metric(
        "profit_factor",
        "",
        "Net gains of closed trades over their net losses; NaN without a loss.",
        "no closed trade lost",
    ),
    Metric("avg_trade", MONEY, "Mean net P&L of closed trades; NaN with none.", _NONE_CLOSED),
    Metric(
        "payoff",
        "",
        "Mean net gain over mean net loss of closed trades; NaN without both.",
        "closed trades did not both win and lose",
    ),
    Metric(
        "avg_holding_bars",
        "bars",
        "Mean bars of closed trades, fill to fill; NaN with none.",
        _NONE_CLOSED,
    ),
    Metric("costs", MONEY, "All fees and slippage.", low_is_good=True, summary=True),
    Metric(
        "turnover",
        "x capital a year",
        "Notional of all trades, rolls included, over capital, a year.",
        low_is_good=True,
    ),
    Metric(
        "breakeven_ticks",
        "ticks",
        "The slippage at which these very trades would have earned nothing; NaN without a trade.",
        "nothing was traded",
    ),
    Metric(
        "return_on_margin",
        "fraction",
        "annual_return x capital over the mean margin while in a position; NaN with none.",
        "no position was held",
    ),
    Metric("exposure", "fraction", "Share of bars in a position.", summary=True),
    Metric(
        "hold_bars",
        "bars",
        "Bars on Hold: in a position while indicators were invalid.",
        low_is_good=True,
        whole=True,
        tile=True,
    ),
    Metric(
        "blocked_bars",
        "bars",
        "Bars on which a wanted entry was blocked.",
        low_is_good=True,
        whole=True,
        tile=True,
    ),
    Metric(
        "deferred_fills",
        "bars",
        "Bars on which a waiting order could not fill.",
        low_is_good=True,
        whole=True,
    ),
    Metric(
        "psr",
        "probability",
        "Probabilistic Sharpe ratio against 0 (Bailey and Lopez de Prado 2012, sqrt(T-1) form).",
        _UNMOVED,
        weak_below=LEAST_TRADES,
    ),
    Metric(
        "dsr",
        "probability",
        "Probability that the Sharpe ratio beats the best of as many trials without skill; below 95 % it may be luck. psr for one trial.",
        _UNMOVED,
        weak_below=LEAST_TRADES,
    ),
)
METRIC = {metric.name: metric for metric in METRICS}

# --- one row per pair of a scan (research/scan.py) -----------------------------------------------------------------
SCAN_COLUMNS = (
    Column("y", "", "Root of the regressed leg, in the direction with the smaller p-value."),
    Column("x", "", "Root of the other leg."),
    Column("bars", "bars", "Bars that are complete for both legs."),
    Column("beta", "", "Slope of y on (1, x) over all of them."),
    Column(
        "eg_statistic",
        "",
        "Engle-Granger t-statistic of y on x; -inf where the legs are collinear.",
    ),
    Column("eg_lags", "lags", "Lagged differences in that test."),
    Column("eg_pvalue", "", "Its p-value (MacKinnon, two series)."),
    Column("eg_pvalue_reverse", "", "The same with the legs exchanged."),
    Column("pvalue", "", "Twice the smaller of the two, at most 1: the direction was chosen."),
    Column("bh_pvalue", "", "pvalue adjusted for all pairs scanned, Benjamini-Hochberg."),
    Column("by_pvalue", "", "The same, Benjamini-Yekutieli: valid whatever the dependence."),
    Column(
        "johansen_trace", "", "Johansen's trace statistic for no relation, constant, same lags."
    ),
    Column(
        "johansen_rank",
        "",
        "Relations by that test at 5 %: 0, 1, or 2 where both series look stationary.",
    ),
    Column("half_life", "bars", "Of the residual, by an AR(1); inf where nothing pulls it back."),
    Column(
        "hurst", "", "Of the residual, by mean square changes over 1 .. 64 bars: 0.5 for a walk."
    ),
    Column("zero_crossings", "", "Times the residual changed sign."),
    Column("correlation", "", "Of the legs' bar-to-bar changes."),
    Column(
        "beta_spread",
        "fraction",
        "Deviation of the slopes of 250-bar stretches, over the size of beta.",
    ),
    Column("sigma", "log or quote", "Deviation of the residual."),
    Column(
        "cost_sigmas",
        "sigma",
        "Fees and slippage of a round trip at the last prices, in deviations of the residual.",
    ),
)
SCAN_BACKTEST_COLUMNS = (
    Column(
        "sharpe", "", "Sharpe ratio of the pair's backtest, as in metrics; NaN without a trade."
    ),
    Column("trades", "trades", "Round trips of that backtest."),
)

# --- decisions (docs/semantics.md 3) -------------------------------------------------------------------------------
STATES = {
    "FLAT": "No position, no order.",
    "BLOCKED": "z calls for an entry, and a gate or a size rule forbids it.",
    "COOLDOWN": "No entry so soon after an exit.",
    "ENTERING": "Entry decided; it fills at the next bar at the earliest.",
    "LONG": "Holding +y -x.",
    "SHORT": "Holding -y +x.",
    "HOLD": "In a position while an indicator is invalid: the lots are kept.",
    "EXITING": "Exit decided; it waits until it fills.",
}
REASONS = {
    "invalid": "An indicator is not available: nothing may be decided.",
    "no_signal": "abs(z) is below the entry threshold, or at or beyond the stop.",
    "cooldown": "Fewer than cooldown_days bars since the last exit filled.",
    "rearm": "z has not come back below the entry threshold since the last exit on this side.",
    "size": "The lots round to zero on a leg, or volatility is unknown.",
    "margin": "The margin of the wanted lots is above equity.",
    "entry": "abs(z) is between entry and stop, and every gate that is on is open.",
    "in_position": "Neither target nor stop reached.",
    "target": "z came back to exit_z.",
    "stop_z": "z went on to stop_z.",
    "max_loss": "Net P&L of the trade fell to the loss limit.",
    "max_holding": "The position reached its longest allowed age.",
    "margin_call": "The margin of the held lots is above equity.",
    "stale": "Too many invalid bars in a row.",
    "expiry": "The contract of a leg must be left: it is about to expire.",
    **{gate.name: f"The {gate.subject} is shut." for gate in GATES},
}
BLOCKERS = (*(gate.name for gate in GATES), "size", "margin")  # the reasons of a blocked entry


def names(table: tuple[Column, ...] | tuple[Metric, ...]) -> list[str]:
    """The column names of a table, in order."""
    return [column.name for column in table]


def unit_in(unit: str, currency: str) -> str:
    """A unit as it is shown beside a figure: amounts of money are in this currency."""
    return currency if unit == MONEY else _(unit)
