"""The trading rules, one bar at a time: roll, fill, mark, decide.

What is decided at the close of a bar becomes `order`, and is looked at again on the next bar: that is the only place
where time moves.
"""

from __future__ import annotations

from math import ceil, floor, inf, isfinite, nan, sqrt
from typing import Any

from pairkit.config import StrategyConfig
from pairkit.market.contracts import ContractSpec
from tests.twin.series import Bar
from tests.twin.terms import terms_of_contract

LEGS = ("y", "x")
SIDE = {1: "long", -1: "short"}
GROUPS = (("IF", "IH", "IC", "IM"), ("T", "TF", "TS", "TL"))


def half_up(value: float) -> float:
    """Round a positive number, halves up."""
    return float(floor(value + 0.5))


def margin_group(spec: ContractSpec) -> str:
    """A spec's own word, else the first root of the exchange's group, else the root."""
    return spec.margin_group or next(
        (group[0] for group in GROUPS if spec.code in group), spec.code
    )


class Engine:
    """A book that holds at most one spread."""

    def __init__(
        self,
        bars: dict[str, list[Bar]],
        specs: dict[str, ContractSpec],
        indicators: dict[str, list[Any]],
        config: StrategyConfig,
        days: list[str],
    ) -> None:
        self.bars, self.specs, self.indicators, self.config, self.days = (
            bars,
            specs,
            indicators,
            config,
            days,
        )
        self.equity = self.peak = config.capital
        self.position = 0
        self.lots = {"y": 0.0, "x": 0.0}
        self.mark = {"y": nan, "x": nan}
        self.held: dict[str, str | None] = {"y": None, "x": None}
        self.held_terms = dict(specs)  # of the held contracts; `terms` are those of today's
        self.order: dict[str, Any] | None = None
        self.invalid_bars = 0
        self.last_exit: dict[str, Any] | None = None
        self.bought_on = {"y": -1, "x": -1}  # the row of a leg's last roll
        self.traded = self.tick_money = (
            0.0  # notional of all trades, and what one tick on all of them is worth
        )
        self.margins: list[float] = []  # of the held lots, on bars in a position with both closes
        self.trades: list[dict[str, Any]] = []
        self.events: set[str] = (
            set()
        )  # which variants of roll and fill have happened: how strong a comparison is

    def step(self, row: int) -> dict[str, Any]:
        """One bar: what the run's table says of it."""
        self.row = row
        self.bar = {leg: self.bars[leg][row] for leg in LEGS}
        self.terms = {
            leg: terms_of_contract(self.specs[leg], self.bar[leg]["contract"], self.days[row])
            for leg in LEGS
        }
        for leg in LEGS:
            if self.position == 0:
                continue
            of_day = terms_of_contract(self.specs[leg], self.held[leg], self.days[row])
            if self.held_terms[leg] != of_day:
                its_own = self.held[leg] == self.bar[leg]["contract"]
                self.events.add(
                    "held over a change of terms" if its_own else "rolled on a day of other terms"
                )
                self.held_terms[leg] = of_day
        self.now = {name: column[row] for name, column in self.indicators.items()}
        self.pnl = self.cost = 0.0
        deferred = self.order is not None and not self._can_fill()
        exits = self.order is not None and self.order["kind"] == "exit" and not deferred
        self._roll(leaving=exits and self.config.fill == "open")
        if self.order is not None:
            self._fill_or_drop(deferred)
        self._mark()
        self.equity += self.pnl - self.cost
        self.peak = max(self.peak, self.equity)
        state, reason = self._decide()
        return {
            "state": state,
            "reason": reason,
            "position": self.position,
            "lots_y": self.lots["y"],
            "lots_x": self.lots["x"],
            "pnl": self.pnl,
            "cost": self.cost,
            "equity": self.equity,
            "drawdown": (self.peak - self.equity) / self.config.capital,
            "deferred": deferred,
        }

    # --- money -----------------------------------------------------------------------------------------------------
    def _book(self, leg: str, price: float) -> None:
        """Book the profit of a leg from its mark to a price, which becomes its mark."""
        gained = self.lots[leg] * self.held_terms[leg].multiplier * (price - self.mark[leg])
        self.pnl += gained
        self.trades[-1]["gross"] += gained
        self.mark[leg] = price

    def _charge(self, leg: str, lots: float, price: float, which: str) -> None:
        """Charge one trade of the held contract: its fee ("fee_open" or "fee_close") and slippage."""
        spec, config = self.held_terms[leg], self.config
        fee = getattr(spec, which)
        self.traded += abs(lots * price) * spec.multiplier
        self.tick_money += abs(lots) * spec.tick * spec.multiplier
        if spec.fee_mode == "rate":
            fee *= abs(price) * spec.multiplier
        cost = abs(lots) * (
            config.fee_multiplier * fee + config.slippage_ticks * spec.tick * spec.multiplier
        )
        self.cost += cost
        self.trades[-1]["costs"] += cost

    def _margin(self, lots: dict[str, float], terms: dict[str, ContractSpec]) -> float:
        """Margin of lots at today's closes."""
        notional = {
            leg: abs(lots[leg] * self.bar[leg]["close"]) * terms[leg].multiplier for leg in LEGS
        }
        margins = [notional[leg] * terms[leg].margin_rate for leg in LEGS]
        if (
            self.config.one_sided_margin
            and lots["y"] * lots["x"] < 0
            and (margin_group(self.specs["y"]) == margin_group(self.specs["x"]))
        ):
            self.events.add("margin of one side")
            return max(margins)
        return sum(margins)

    # --- roll ------------------------------------------------------------------------------------------------------
    def _changed(self, leg: str) -> bool:
        """The held leg trades today in another contract than the one held."""
        if self.position == 0 or not isfinite(self.bar[leg]["close"]):
            return False
        today = self.bar[leg]["contract"]
        if self.held[leg] is None:
            self.held[leg], self.held_terms[leg] = (
                today,
                self.terms[leg],
            )  # learning a first name is not a roll
        return today != self.held[leg]

    def _roll(self, leaving: bool) -> None:
        """Move each held leg whose contract changed into the new one, unless it leaves at this open."""
        self.left_at = {}
        for leg in LEGS:
            if not self._changed(leg):
                continue
            bar = self.bar[leg]
            known = isfinite(bar["roll_open"]) and isfinite(bar["open"])
            new_mark = bar["pre_close"] if isfinite(bar["pre_close"]) else bar["close"]
            self.events.add(
                f"{'leaves at' if leaving else 'rolls at'} {'known' if known else 'unknown'} open"
            )
            if leaving and known:
                self.left_at[leg] = bar["roll_open"]
            elif leaving:
                self.mark[leg], self.held_terms[leg] = new_mark, self.terms[leg]
            elif known:
                self._charge(leg, self.lots[leg], bar["roll_open"], "fee_close")
                self._book(leg, bar["roll_open"])
                self._buy_anew(leg, bar["open"])
            else:
                self._charge(leg, self.lots[leg], self.mark[leg], "fee_close")
                self._buy_anew(leg, new_mark)
            self.held[leg] = bar["contract"]

    def _buy_anew(self, leg: str, price: float) -> None:
        """The same lots of today's contract, on its terms."""
        if self.terms[leg] != self.held_terms[leg]:
            self.events.add("rolls to other terms")
        self.held_terms[leg] = self.terms[leg]
        self._charge(leg, self.lots[leg], price, "fee_open")
        self.mark[leg], self.bought_on[leg] = price, self.row

    # --- fill ------------------------------------------------------------------------------------------------------
    def _can_fill(self) -> bool:
        """Both legs of the waiting order can trade on this bar."""
        for leg in LEGS:
            bar = self.bar[leg]
            price = bar[self.config.fill]
            bought = self.order["lots"][leg] if self.order["kind"] == "entry" else -self.lots[leg]
            if not (isfinite(price) and isfinite(bar["close"]) and bar["volume"] > 0):
                return False
            if self._stopped_by_a_limit(leg, price, bought):
                return False
        return True

    def _stopped_by_a_limit(self, leg: str, price: float, bought: float) -> bool:
        """A buyer at or above the upper limit, or a seller at or below the lower one, both taken inward to the tick."""
        bar, tick = self.bar[leg], self.terms[leg].tick
        if bought > 0 and isfinite(bar["up_limit"]):
            return price >= tick * floor(bar["up_limit"] / tick + 1e-6) - 1e-6 * tick
        if bought < 0 and isfinite(bar["down_limit"]):
            return price <= tick * ceil(bar["down_limit"] / tick - 1e-6) + 1e-6 * tick
        return False

    def _fill_or_drop(self, deferred: bool) -> None:
        order = self.order
        self.events.add(f"{order['kind']} {'deferred' if deferred else 'filled'}")
        if deferred:
            if order["kind"] == "entry":
                self.order = None
            return
        self.order = None
        if order["kind"] == "entry":
            self._enter(order)
        else:
            self._leave(order)

    def _enter(self, order: dict[str, Any]) -> None:
        self.position, self.lots = order["position"], dict(order["lots"])
        self.entry_row = self.row
        self.invalid_bars = 0
        self.trades.append(
            {
                "side": SIDE[self.position],
                "entry_decided": order["decided"],
                "entry_filled": self.row,
                "exit_decided": None,
                "exit_filled": None,
                "lots_y": self.lots["y"],
                "lots_x": self.lots["x"],
                "exit_price_y": nan,
                "exit_price_x": nan,
                "entry_z": order["z"],
                "exit_z": nan,
                "exit_reason": "open",
                "bars_held": 0,
                "gross": 0.0,
                "costs": 0.0,
                "net": 0.0,
                "worst_mark": inf,
                "best_mark": -inf,
            }
        )
        for leg in LEGS:
            price = self.bar[leg][self.config.fill]
            self.trades[-1][f"entry_price_{leg}"] = self.mark[leg] = price
            self.held[leg], self.held_terms[leg] = self.bar[leg]["contract"], self.terms[leg]
            self._charge(leg, self.lots[leg], price, "fee_open")

    def _leave(self, order: dict[str, Any]) -> None:
        trade = self.trades[-1]
        for leg in LEGS:
            price = self.left_at.get(leg, self.bar[leg][self.config.fill])
            same_session = (
                self.bought_on[leg] == self.row and self.held_terms[leg].fee_close_today is not None
            )
            if same_session:
                self.events.add("closed on the day it was opened")
            self._charge(
                leg, self.lots[leg], price, "fee_close_today" if same_session else "fee_close"
            )
            self._book(leg, price)
            trade[f"exit_price_{leg}"] = price
        trade |= {
            "exit_decided": order["decided"],
            "exit_filled": self.row,
            "exit_z": order["z"],
            "exit_reason": order["reason"],
        }
        self._value_trade()
        self.last_exit = {
            "row": self.row,
            "reason": order["reason"],
            "side": self.position,
            "came_back": False,
        }
        self.position, self.lots = 0, {"y": 0.0, "x": 0.0}

    # --- mark ------------------------------------------------------------------------------------------------------
    def _mark(self) -> None:
        if self.position == 0:
            return
        for leg in LEGS:
            if isfinite(self.bar[leg]["close"]):
                self._book(leg, self.bar[leg]["close"])
        if all(isfinite(self.bar[leg]["close"]) for leg in LEGS):
            self.margins.append(self._margin(self.lots, self.held_terms))
        self._value_trade()

    def _value_trade(self) -> None:
        trade = self.trades[-1]
        trade["net"] = trade["gross"] - trade["costs"]
        trade["bars_held"] = self.row - trade["entry_filled"]
        trade["worst_mark"] = min(trade["worst_mark"], trade["net"])
        trade["best_mark"] = max(trade["best_mark"], trade["net"])

    # --- decide ----------------------------------------------------------------------------------------------------
    def _decide(self) -> tuple[str, str]:
        """The first rule that holds: its state and reason."""
        z, valid = self.now["z"], self.now["valid"]
        self.invalid_bars = 0 if valid else self.invalid_bars + 1
        if self.last_exit and valid and abs(z) < self.config.entry_z:
            self.last_exit["came_back"] = True
        if self.order is not None:
            return "EXITING", self.order["reason"]
        if self.position != 0:
            return self._decide_held(z, valid)
        if not valid:
            return "FLAT", "invalid"
        if self._must_leave():
            return "FLAT", "expiry"
        return self._decide_flat(z)

    def _must_leave(self) -> bool:
        return any(self.bar[leg]["leave"] for leg in LEGS)

    def _decide_held(self, z: float, valid: bool) -> tuple[str, str]:
        config = self.config
        if all(isfinite(self.bar[leg]["close"]) for leg in LEGS):
            if self._margin(self.lots, self.held_terms) > self.equity:
                return self._exit("margin_call")
            if config.max_loss > 0 and self.trades[-1]["net"] <= -config.max_loss * config.capital:
                return self._exit("max_loss")
            if self.row - self.entry_row >= config.max_holding_days:
                return self._exit("max_holding")
        if self._must_leave():
            return self._exit("expiry")
        if not valid:
            if config.max_invalid_days > 0 and self.invalid_bars > config.max_invalid_days:
                return self._exit("stale")
            return "HOLD", "invalid"
        if -self.position * z >= config.stop_z:
            return self._exit("stop_z")
        if -self.position * z <= config.exit_z:
            return self._exit("target")
        return SIDE[self.position].upper(), "in_position"

    def _exit(self, reason: str) -> tuple[str, str]:
        self.order = {"kind": "exit", "reason": reason, "decided": self.row, "z": self.now["z"]}
        return "EXITING", reason

    def _decide_flat(self, z: float) -> tuple[str, str]:
        config, last = self.config, self.last_exit
        wanted = config.entry_z <= abs(z) < config.stop_z
        side = -1 if z > 0 else 1
        if last and self.row - last["row"] < config.cooldown_days:
            return "COOLDOWN", "cooldown"
        if not wanted:
            return "FLAT", "no_signal"
        if (
            config.rearm
            and last
            and last["reason"] != "target"
            and last["side"] == side
            and not last["came_back"]
        ):
            return "COOLDOWN", "rearm"
        shut = [
            gate
            for gate in ("adf", "beta", "vol", "liquidity")
            if self.now[f"gate_{gate}"] == "shut"
        ]
        if shut:
            return "BLOCKED", "+".join(shut)
        lots = self._size(side)
        if lots["y"] == 0 or lots["x"] == 0:
            return "BLOCKED", "size"
        if self._margin(lots, self.terms) > self.equity:
            return "BLOCKED", "margin"
        self.order = {"kind": "entry", "position": side, "lots": lots, "decided": self.row, "z": z}
        return "ENTERING", "entry"

    def _size(self, side: int) -> dict[str, float]:
        """Lots of a spread that is long (+1) or short (-1), at today's raw closes; zeros where there can be none."""
        config, beta, vol = self.config, self.now["beta_lag"], self.now["vol"]
        log = config.price_transform == "log"
        none = {"y": 0.0, "x": 0.0}
        price_y, price_x = (abs(self.bar[leg]["close"]) for leg in LEGS)
        m_y, m_x = (self.terms[leg].multiplier for leg in LEGS)
        if price_y == 0 or price_x == 0:
            return none
        gross = 1 + abs(beta) * (1 if log else price_x / price_y)
        share = 1.0
        if config.vol_target > 0:
            if not isfinite(vol):
                return none
            share = config.vol_target / ((vol if log else vol / price_y) * sqrt(252))
        rounded = half_up if config.whole_lots else float
        notional_y = config.capital * min(config.max_leverage / gross, share)
        lots_y = notional_y / (price_y * m_y)
        if config.max_participation > 0:
            volume_y, volume_x = (self.bar[leg]["volume"] for leg in LEGS)
            if beta == 0 or not (volume_y > 0 and volume_x > 0):
                return none
            share, unit_y, unit_x = (
                config.max_participation,
                *((price_y * m_y, price_x * m_x) if log else (m_y, m_x)),
            )
            most = min(share * volume_y, share * volume_x * unit_x / (abs(beta) * unit_y))
            if most < lots_y:
                self.events.add("bound by the volume")
            lots_y = min(lots_y, most)
        lots_y = rounded(lots_y)
        per_lot_y = price_y * m_y / (price_x * m_x) if log else m_y / m_x
        lots_x = rounded(abs(beta) * lots_y * per_lot_y)
        if lots_y == 0 or lots_x == 0:
            return none
        return {"y": side * lots_y, "x": -side * (1 if beta > 0 else -1) * lots_x}
