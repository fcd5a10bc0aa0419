"""Legs by rule in plain Python, written from docs/semantics.md 7.1 to 7.4 alone: dates and dicts, no arrays; and random tiny markets."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd

MONTHS_OF = ((1, 5, 10), (1, 5, 9), tuple(range(1, 13)), (3, 6, 9, 12))
SESSIONS = 130


def delivery(name: str) -> tuple[int, int]:
    """Year and month of delivery of a name such as RB2405."""
    return 2000 + int(name[-4:-2]), int(name[-2:])


def later(month: tuple[int, int], by: int) -> tuple[int, int]:
    """The month that comes `by` months later."""
    count = month[0] * 12 + month[1] - 1 + by
    return count // 12, count % 12 + 1


def of_month(day: date, month: int) -> tuple[int, int]:
    """The earliest delivery of a month that is at least two months after the month of the day."""
    found = later((day.year, day.month), 2)
    while found[1] != month:
        found = later(found, 1)
    return found


def first_after(near: tuple[int, int], month: int) -> tuple[int, int]:
    """The first delivery of a month after a near one."""
    found = later(near, 1)
    while found[1] != month:
        found = later(found, 1)
    return found


def name_of(root: str, month: tuple[int, int]) -> str:
    return f"{root}{month[0] % 100:02d}{month[1]:02d}"


def leave_named(day: date, near: tuple[int, int]) -> bool:
    """Whether the 20th of the second month before delivery has come."""
    year, month = later(near, -2)
    return day >= date(year, month, 20)


class TinyMarket:
    """Bars by day and name as plain dicts, and the dominant name by day; made from a seed."""

    def __init__(self, seed: int, sessions: int = SESSIONS) -> None:
        rng = np.random.default_rng([seed, 71])
        start = pd.Timestamp("2023-06-01") + pd.Timedelta(days=int(rng.integers(0, 400)))
        self.days = [one.date() for one in pd.bdate_range(start, periods=sessions)]
        self.root, self.settlement = "RB", ["physical", "cash", ""][int(rng.integers(3))]
        self.bars: dict[date, dict[str, dict[str, float]]] = {day: {} for day in self.days}
        months = MONTHS_OF[int(rng.integers(len(MONTHS_OF)))]
        for year in (2023, 2024, 2025, 2026):
            for month in months:
                self._list(rng, (year, month))
        self.mapping = self._mapping(rng)

    def _list(self, rng: np.random.Generator, month: tuple[int, int]) -> None:
        """Bars of one contract over the sessions of its life, some of them missing."""
        name = name_of(self.root, month)
        first, last = date(*later(month, -int(rng.integers(7, 13))), 16), date(*month, 15)
        if last < self.days[0] or first > self.days[-1]:
            return
        steps, opens, size, volume = rng.integers(0, 60, (4, len(self.days))).tolist()
        gone, unknown = (rng.random((2, len(self.days))) < [[0.03], [0.05]]).tolist()
        level = 3000.0
        for at, day in enumerate(self.days):
            level += steps[at] % 31 - 15
            if first <= day <= last and not gone[at]:
                self.bars[day][name] = {
                    "open": level + opens[at] % 11 - 5,
                    "close": level,
                    "open_interest": math.nan if unknown[at] else 100.0 * size[at],
                    "volume": 10.0 * volume[at],
                }

    def _mapping(self, rng: np.random.Generator) -> dict[date, str | None]:
        """The dominant contract: the nearest that has months to go, with jumps ahead and days without a name."""
        named: dict[date, str | None] = {}
        ahead = int(rng.integers(0, 3))
        for day in self.days[int(rng.integers(0, 4)) :]:
            if rng.random() < 0.02:
                ahead = int(rng.integers(0, 4))
            names = sorted(self.bars[day], key=delivery)
            behind = [one for one in names if delivery(one) >= (day.year, day.month)]
            named[day] = (
                behind[min(ahead, len(behind) - 1)] if behind and rng.random() > 0.05 else None
            )
        return named

    # --- the rules -----------------------------------------------------------------------------------------------
    def dominant(self) -> dict[date, str | None]:
        """The dominant contract held on each day: names carried forward, none taken again that was left."""
        held, current, left = {}, None, set()
        for day in self.days:
            name = self.mapping.get(day)
            if name is not None and name != current and name not in left:
                left.add(current)
                current = name
            held[day] = current
        return held

    def behind(self) -> dict[date, str | None]:
        """`ROOT@next` on each day."""
        dominant, held, current, left = self.dominant(), {}, None, set()
        for at, day in enumerate(self.days):
            first = dominant[day]
            if first is None or at == 0:
                held[day] = None
                continue
            beyond = {
                name: bar["open_interest"]
                for name, bar in self.bars[self.days[at - 1]].items()
                if not math.isnan(bar["open_interest"]) and delivery(name) > delivery(first)
            }
            known = {name: size for name, size in beyond.items() if name not in left}
            if current is not None and delivery(current) <= delivery(first):
                left.add(current)
                known.pop(current, None)
                current = None
            if current is None:
                most = [one for one in known if known[one] == max(known.values())]
                current = min(most, key=delivery) if most else None
            else:
                current = self._better(current, known, self.days[at - 1], left)
            held[day] = current if beyond else None
        return held

    def _better(self, current: str, known: dict[str, float], before: date, left: set[str]) -> str:
        beyond = {one: size for one, size in known.items() if delivery(one) > delivery(current)}
        over = (before.year, before.month) > delivery(current)
        own = known.get(
            current, 0.0 if over else math.inf
        )  # not known: it stays until its month is over
        if not beyond or max(beyond.values()) <= own:
            return current
        left.add(current)
        return min((one for one in beyond if beyond[one] == max(beyond.values())), key=delivery)

    def rows(
        self, held: dict[date, str | None], leave: dict[date, bool]
    ) -> list[dict[str, object]]:
        """A leg's rows from the first day with a contract on, given the contract held on each day."""
        out, last_close_day, before = [], None, None
        for day in self.days:
            name = held[day]
            if name is None and not out:
                continue
            bar = self.bars[day].get(name) if name else None
            row: dict[str, object] = {"day": day, "contract": name, "leave": leave[day]}
            row |= {one: bar[one] if bar else math.nan for one in ("open", "close")}
            row["pre_close"] = row["roll_open"] = math.nan
            if bar and last_close_day is not None and name in self.bars[last_close_day]:
                row["pre_close"] = self.bars[last_close_day][name]["close"]
            if bar and before not in (None, name) and before in self.bars[day]:
                row["roll_open"] = self.bars[day][before]["open"]
            if bar:
                last_close_day = day
            before = name or before
            out.append(row)
        return out

    def leave_delivering(self, held: dict[date, str | None]) -> dict[date, bool]:
        """`leave` of the dominant contract and of the one behind it."""
        return {
            day: self.settlement == "physical"
            and name is not None
            and (day.year, day.month) >= delivery(name)
            for day, name in held.items()
        }

    def leg(self, rule: str) -> list[dict[str, object]]:
        """One leg's rows by rule: "", next or a month."""
        if rule in ("", "next"):
            held = self.behind() if rule else self.dominant()
            return self.rows(held, self.leave_delivering(held))
        near = {day: of_month(day, int(rule)) for day in self.days}
        held = {day: name_of(self.root, near[day]) for day in self.days}
        return self.rows(held, {day: leave_named(day, near[day]) for day in self.days})

    def season(self, y: str, x: str) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """Both legs of a season of two months."""
        near = {day: of_month(day, int(y)) for day in self.days}
        leave = {day: leave_named(day, near[day]) for day in self.days}
        far = {day: first_after(near[day], int(x)) for day in self.days}
        return (
            self.rows({day: name_of(self.root, near[day]) for day in self.days}, leave),
            self.rows({day: name_of(self.root, far[day]) for day in self.days}, leave),
        )

    # --- as tables -------------------------------------------------------------------------------------------------
    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Bars and mapping as a snapshot holds them."""
        rows = [
            {
                "root": self.root,
                "contract": name,
                "trade_date": pd.Timestamp(day),
                **bar,
                "high": max(bar["open"], bar["close"]),
                "low": min(bar["open"], bar["close"]),
                "settle": bar["close"],
                "up_limit": math.nan,
                "down_limit": math.nan,
            }
            for day, of_day in self.bars.items()
            for name, bar in of_day.items()
        ]
        named = [
            {"root": self.root, "trade_date": pd.Timestamp(day), "contract": name}
            for day, name in self.mapping.items()
        ]
        bars = pd.DataFrame(rows).sort_values(["contract", "trade_date"], ignore_index=True)
        return bars, pd.DataFrame(named).astype({"contract": "str"})
