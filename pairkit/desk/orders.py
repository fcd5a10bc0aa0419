"""Orders of one pair for the next session: entry, exit and rolls, each leg by contract, side and lots.

The engine decides at the close of t and trades at t+1 (docs/semantics.md 3). Given the contract that each leg has on t+1, all that
it will try there is known at the close of t:

1. A held leg whose contract changes is rolled at the open: the old one is closed, the new one opened.
2. An entry opens both legs in the contracts of t+1.
3. An exit closes both legs. At an open on which the contract changes the old one is closed, and the leg rolls only if the exit
   does not fill; at a close the leg has rolled by then, and the new contract is closed on the day it was opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from pairkit.columns import LEGS
from pairkit.pair import NO_CONTRACT
from pairkit.trading.explain import Moment, moment_at
from pairkit.trading.loop import STATE_NAMES

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

Fill = Literal["open", "close"]


class LegOrder(NamedTuple):
    """One order of one leg.

    Parameters
    ----------
    leg : {"y", "x"}
    contract : str
        Its name; the leg's code where the series has no contract names.
    lots : float
        Signed: above 0 to buy.
    opens : bool
        Whether it opens lots or closes them.
    at : {"open", "close"}
        Of the next session.
    why : {"entry", "exit", "roll"}
    if_not_filled : bool
        It is for the case alone that the waiting exit cannot fill.
    """

    leg: str
    contract: str
    lots: float
    opens: bool
    at: Fill
    why: Literal["entry", "exit", "roll"]
    if_not_filled: bool = False


def orders_after(
    run: BacktestRun, t: int, contracts: tuple[str | None, str | None]
) -> tuple[LegOrder, ...]:
    """What a run's engine will try on the session after row t.

    Parameters
    ----------
    run : BacktestRun
        Of which rows up to t count.
    t : int
        The row at whose close it was decided.
    contracts : (str or None, str or None)
        The contracts of y and x on the next session, as known at that close; None where the series has no names.
    """
    moment = moment_at(run, t)
    wanted = [moment.called_side * lots for lots in moment.wanted_lots]
    held = held_contracts(run, t)
    orders: list[LegOrder] = []
    for column, leg in enumerate(LEGS):
        names = held[column], contracts[column] or held[column]
        orders += _of_leg(run, t, moment, leg, names, wanted[column])
    return tuple(orders)


def _of_leg(
    run: BacktestRun,
    t: int,
    moment: Moment,
    leg: str,
    names: tuple[str, str],
    wanted: float,
) -> Iterator[LegOrder]:
    """A leg's orders; `names` are the contracts that it holds and will have, `wanted` the lots of an entry, signed."""
    old, new = names
    state, fill = STATE_NAMES[run.ledger.state[t]], run.config.fill
    if not moment.position:
        if state == "ENTERING":
            yield LegOrder(leg, new, wanted, True, fill, "entry")
        return
    lots = float(run.ledger.lots[t, LEGS.index(leg)])
    leaves = state == "EXITING"
    if old != new:
        waits = leaves and fill == "open"
        yield LegOrder(leg, old, -lots, False, "open", "roll", if_not_filled=waits)
        yield LegOrder(leg, new, lots, True, "open", "roll", if_not_filled=waits)
    if leaves:
        rolled = old != new and fill == "close"
        yield LegOrder(leg, new if rolled else old, -lots, False, fill, "exit")


def held_contracts(run: BacktestRun, t: int) -> tuple[str, str]:
    """The contract of each leg at the close of row t: the one last bought in or rolled to, flat that of the row itself.

    A series without names, and one whose name is not known yet, goes by its leg's code.
    """
    entered = run.ledger.trade_bars[:, 1]
    entry = int(entered[entered <= t][-1]) if run.ledger.position[t] else t
    names = []
    for column, (leg, spec) in enumerate(
        ((run.pair.y, run.pair.y_spec), (run.pair.x, run.pair.x_spec))
    ):
        contract = run.adjusted.market.contract[entry : t + 1, column]
        closes = np.isfinite(run.adjusted.market.close[entry : t + 1, column])
        held = int(contract[0])
        changes = np.flatnonzero(contract[1:] != contract[:-1]) + 1
        for row in range(1, len(contract)) if len(changes) else ():
            if contract[row] != held and (closes[row] or held == NO_CONTRACT):
                held = int(contract[row])
        names.append(spec.code if held == NO_CONTRACT else leg.contract_names[held])
    return names[0], names[1]
