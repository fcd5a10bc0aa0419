"""A TuShare on this machine: speaks its protocol from `market`, and spoils answers when told to.

A plan decides for each request, by number and interface, which fault to inject; a seeded plan makes a run repeatable.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.data.tushare.market import market

GOOD_TOKEN = "0123456789abcdef" * 3
HTTP_FAULTS = ("http 429", "http 500", "http 502", "http 503")
TRANSPORT_FAULTS = (*HTTP_FAULTS, "cut body", "closed", "time-out")
PROTOCOL_FAULTS = (
    "not json",
    "null data",
    "no code",
    "null items",
    "a field less",
    "ragged rows",
    "code without words",
    "json list",
)
REFUSALS = {
    "minute": "抱歉，您每分钟最多访问该接口200次，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
    "hour": "抱歉，您每小时最多访问该接口10次，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
    "day": "抱歉，您每天最多访问该接口2次，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
    "permission": "抱歉，您没有访问该接口的权限，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
    "permission 2026": "抱歉，您没有接口访问权限，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
    "token": "您的token不对，请确认。",
    "ip": "您的IP数量超限，最大数量为5个！",
    "busy": "系统繁忙，请稍后再试",
    "unknown": "参数错误",
}
ROW_FAULTS = (
    "twice",
    "shuffled",
    "missing days",
    "null cells",
    "dashes",
    "contradiction",
    "other rows",
    "cut rows",
)
DRIFTS = ("text numbers", "float days", "int days", "float flags")
DRIPS = (
    "drip headers",
    "drip body",
    "drip without length",
)  # each costs the client its whole patience, so not in FAULTS
FAULTS = (*TRANSPORT_FAULTS, *PROTOCOL_FAULTS, *REFUSALS, *ROW_FAULTS, *DRIFTS)
CAPS = {
    "fut_basic": 10_000,
    "trade_cal": 120_000,
    "fut_daily": 2_000,
    "fut_mapping": 2_000,
    "fut_settle": 1_600,
    "ft_limit": 4_000,
}
Plan = Callable[[int, str], str | None]
Rows = list[list[Any]]
Alter = Callable[
    [str, dict[str, int], Rows], Rows
]  # interface, place of each field, rows; the rows must not be changed in place


def no_faults(_number: int, _api: str) -> str | None:
    return None


def honest(_api: str, _at: dict[str, int], rows: Rows) -> Rows:
    return rows


def seeded(seed: int, share: float, kinds: tuple[str, ...] = FAULTS) -> Plan:
    """Each request is spoiled with this probability, by a fault drawn from `kinds`."""
    rng = random.Random(seed)
    return lambda _number, _api: rng.choice(kinds) if rng.random() < share else None


class FaultServer:
    """Serves on this port, 0 for a free one. `asked` lists the requests as (api, params); `injected` the faults that really spoiled one."""

    def __init__(self, port: int = 0) -> None:
        self.plan: Plan = no_faults
        self.alter: Alter = honest  # what this server believes to be the market
        self.caps = dict(CAPS)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.injected: list[str] = []
        self.rng = random.Random(0)
        self.hang_seconds = 0.3
        self.moved_to = ""  # where the fault "moved" points
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.tables = {
            api: {
                "fields": list(table.columns),
                "rows": table.astype(object).where(table.notna(), None).to_numpy().tolist(),
            }
            for api, table in market().answers.items()
        }
        self._by_code: dict[tuple[str, str], Rows] = {}
        for api, table in self.tables.items():
            at = table["fields"].index("ts_code") if "ts_code" in table["fields"] else None
            for row in table["rows"] if at is not None else ():
                self._by_code.setdefault((api, row[at]), []).append(row)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/dataapi"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def reset(self, plan: Plan = no_faults, seed: int = 0) -> None:
        self.plan, self.rng, self.caps, self.alter = plan, random.Random(seed), dict(CAPS), honest
        self.asked.clear()
        self.injected.clear()

    # --- honest answers ------------------------------------------------------------------------------------------------
    def rows(self, api: str, params: dict[str, Any], fields: list[str]) -> Rows:
        """What TuShare would answer: filtered, newest first, cut at the cap without a word."""
        table = self.tables[api]
        index = {name: at for at, name in enumerate(table["fields"])}
        rows = (
            self._by_code.get((api, params["ts_code"]), [])
            if "ts_code" in params
            else table["rows"]
        )
        rows = self.alter(api, index, rows)
        for name in ("exchange", "fut_code"):
            if name in params and name in index:
                rows = [row for row in rows if row[index[name]] == params[name]]
        day = next((index[name] for name in ("trade_date", "cal_date") if name in index), None)
        if day is not None and "start_date" in params:
            rows = [row for row in rows if params["start_date"] <= row[day] <= params["end_date"]]
        if day is not None:
            rows = sorted(rows, key=lambda row: row[day], reverse=True)
        return [[row[index[name]] for name in fields] for row in rows[: self.caps[api]]]


def spoil_rows(fault: str, fields: list[str], rows: Rows, rng: random.Random) -> Rows:
    """The rows with a fault of content or of types in them."""
    if not rows:
        return rows
    rows = [list(row) for row in rows]
    figures = [
        at
        for at, name in enumerate(fields)
        if name in ("open", "high", "low", "close", "settle", "vol", "oi")
    ]
    days = [at for at, name in enumerate(fields) if name in ("trade_date", "cal_date", "list_date")]
    some = rng.sample(range(len(rows)), min(len(rows), 3))
    if fault == "twice":
        rows += [list(rows[at]) for at in some]
    elif fault == "shuffled":
        rng.shuffle(rows)
    elif fault == "missing days":
        rows = [row for at, row in enumerate(rows) if at not in some]
    elif fault in ("null cells", "dashes"):
        for at in some:
            rows[at][rng.choice(figures or [len(fields) - 1])] = (
                None if fault == "null cells" else "--"
            )
    elif fault == "contradiction":
        other = list(rows[some[0]])
        at = rng.choice(figures or [len(fields) - 1])
        other[at] = (
            1 if other[at] == 0 else 0 if not isinstance(other[at], str) else other[at][:-1] + "X"
        )
        rows.append(other)
    elif fault == "other rows":
        stray = list(rows[some[0]])
        stray[fields.index("ts_code") if "ts_code" in fields else fields.index("exchange")] = (
            "ZZ2401.SHF"
        )
        rows.append(stray)
    elif fault == "cut rows":
        rows = rows[: max(1, len(rows) // 2)]
    elif fault == "text numbers":
        rows = [
            [
                f"{cell}" if isinstance(cell, int | float) and not isinstance(cell, bool) else cell
                for cell in row
            ]
            for row in rows
        ]
    elif fault in ("float days", "int days"):
        kind = float if fault == "float days" else int
        rows = [[kind(cell) if at in days else cell for at, cell in enumerate(row)] for row in rows]
    elif fault == "float flags":
        rows = [[float(cell) if isinstance(cell, int) else cell for cell in row] for row in rows]
    return rows


def _handler(server: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api, params, fields = asked["api_name"], asked["params"], asked["fields"].split(",")
            assert (
                urlsplit(self.path).path == f"/dataapi/{api}"
            )  # a proxy is sent the whole address
            server.asked.append((api, params))
            fault = server.plan(len(server.asked) - 1, api)
            if asked["token"] != GOOD_TOKEN and not asked["token"].startswith("CANARY-"):
                fault = "token"
            if fault is not None:
                server.injected.append(fault)
            self.answer(fault, api, params, fields)

        def answer(
            self, fault: str | None, api: str, params: dict[str, Any], fields: list[str]
        ) -> None:
            if fault in HTTP_FAULTS:
                self.send(b"<html>no</html>", int(fault.split()[1]))
            elif fault == "moved":
                self.send_response(307)
                self.send_header("Location", f"{server.moved_to}/{api}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif fault == "closed":
                self.close_connection = True
            elif fault == "time-out":
                time.sleep(server.hang_seconds)
                self.close_connection = True
            elif fault in DRIPS:
                self.drip(fault)
            elif fault in REFUSALS:
                self.send_json({"code": 40203, "msg": REFUSALS[fault], "data": None})
            else:
                rows = spoil_rows(fault or "", fields, server.rows(api, params, fields), server.rng)
                self.protocol(
                    fault,
                    {
                        "request_id": "1",
                        "code": 0,
                        "msg": "",
                        "data": {"fields": fields, "items": rows, "has_more": False},
                    },
                )

        def drip(self, fault: str) -> None:
            """A byte now and then, each well within the client's time-out, for as long as it listens."""
            self.close_connection = True
            rest = {
                "drip headers": b"X-Slow: ",
                "drip body": b"Content-Length: 99999\r\n\r\n",
                "drip without length": b"\r\n",
            }
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" + rest[fault])
                for _ in range(2000):
                    self.wfile.write(b" ")
                    time.sleep(0.02)

        def protocol(self, fault: str | None, whole: dict[str, Any]) -> None:
            data = whole["data"]
            if fault == "null data":
                whole["data"] = None
            elif fault == "no code":
                del whole["code"]
            elif fault == "null items":
                data["items"] = None
            elif fault == "a field less":
                data["fields"], data["items"] = (
                    data["fields"][:-1],
                    [row[:-1] for row in data["items"]],
                )
            elif fault == "ragged rows":
                data["items"] = [
                    row[:-1] if at == 0 and len(row) > 1 else row
                    for at, row in enumerate(data["items"])
                ]
            elif fault == "code without words":
                whole = {"code": -1, "msg": "", "data": None}
            if fault == "not json":
                self.send(b"<html>maintenance</html>")
            elif fault == "json list":
                self.send(b"[1, 2]")
            elif fault == "cut body":
                raw = json.dumps(whole).encode()
                self.send(raw[: len(raw) // 2], length=len(raw))
            else:
                self.send_json(whole)

        def send_json(self, value: Any) -> None:
            self.send(json.dumps(value, ensure_ascii=False, default=_plain).encode())

        def send(self, raw: bytes, status: int = 200, length: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw) if length is None else length))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # the client gave up
                self.wfile.write(raw)

    return Handler


def _plain(value: Any) -> Any:
    number = value.item()
    return None if isinstance(number, float) and math.isnan(number) else number


@contextmanager
def running(port: int = 0) -> Iterator[FaultServer]:
    server = FaultServer(port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
