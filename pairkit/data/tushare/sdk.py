"""SDK call: one request through the real TuShare SDK, a valid answer or a typed error. Nothing else in pairkit calls the SDK.

Failures that the SDK does not distinguish are distinguished here: an HTTP error, which it turns into a frame without columns; a body
that is not the protocol, on which it stumbles with errors of its own; and refusals, which are a bare `Exception`. Its
request goes through `transport`, which bounds the time and the size of the whole answer.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import pandas as pd

from pairkit.data.tushare.errors import error_of
from pairkit.data.tushare.settings import TushareSettings, require_token
from pairkit.errors import MalformedAnswerError, RefusedRequestError, SourceError, TransportError
from pairkit.language import N_, _

_TRY_AGAIN = N_(
    "Check the connection and TUSHARE_URL, or try again later; what was downloaded is kept."
)


def without_token(text: str, token: str) -> str:
    """The text without the token in it, in capitals or not, and also where its letters are percent-encoded."""
    return _spellings(token).sub("***", text) if token else text


def _spellings(token: str) -> re.Pattern[str]:
    """Pattern of the token in any spelling; a letter outside ASCII is percent-encoded byte by byte."""
    encoded = ("".join(f"%{byte:02x}" for byte in letter.encode()) for letter in token)
    return re.compile(
        "".join(
            f"(?:{re.escape(letter)}|{code})" for letter, code in zip(token, encoded, strict=True)
        ),
        re.IGNORECASE,
    )


def _holds_token(frame: pd.DataFrame, token: str) -> bool:
    """Whether a field's name or a cell of text has the token in it, in any spelling."""
    found = _spellings(token)
    texts = {
        cell
        for _name, column in frame.items()
        if not pd.api.types.is_numeric_dtype(column)
        for cell in column.tolist()
        if isinstance(cell, str)
    }
    return any(found.search(text) for text in (*map(str, frame.columns), *texts))


class Seam:
    """Requests to one endpoint with one token. Holds no connection and no SDK object; safe to share between threads."""

    def __init__(self, settings: TushareSettings) -> None:
        self._settings = settings

    @staticmethod
    def sdk_version() -> str:
        """Version of the installed SDK."""
        from importlib.metadata import version

        return version("tushare")

    def ask(self, api: str, params: Mapping[str, str], fields: Sequence[str]) -> pd.DataFrame:
        """The rows as the SDK returns them: vendor names, vendor types, in any order.

        Raises
        ------
        SourceError
            Its type is the reason. It carries neither the token nor the SDK's own error, whose
            frames would hold it.
        """
        require_token(self._settings)
        fault: SourceError
        try:
            frame = self._query()(self._client(), api, fields=",".join(fields), **params)
        except Exception as problem:  # noqa: BLE001  the SDK raises bare Exception, and whatever it stumbles over
            fault = self._typed(problem, api)
        else:
            if isinstance(frame, pd.DataFrame) and len(frame.columns):
                if not _holds_token(frame, self._settings.token.get_secret_value()):
                    return frame
                raise RefusedRequestError(
                    _(
                        "TuShare at {endpoint}, "
                        "asked for {api}, sent the token back among its data, where it would be kept. "
                        "None of it was used; check TUSHARE_URL.",
                        endpoint=self._settings.endpoint,
                        api=api,
                    )
                )
            fault = TransportError(
                _(
                    "TuShare, asked for {api}, answered with an HTTP error, or with nothing at all. {try_again}",
                    api=api,
                    try_again=_TRY_AGAIN,
                )
            )
        raise fault

    def _client(self) -> Any:
        """A fresh SDK object; it answers to every name, so it must never be kept where something copies or probes it."""
        from pandas.errors import Pandas4Warning
        from tushare.pro.client import DataApi

        # A row shorter than the header is padded with a warning; that is no answer, so the warning is made an error.
        warnings.filterwarnings("error", category=Pandas4Warning, module=r"tushare\.pro")
        client = DataApi(
            self._settings.token.get_secret_value(), timeout=self._settings.timeout_seconds
        )
        client._DataApi__http_url = self._settings.url  # noqa: SLF001  the SDK has no other way to set it
        return client

    def _query(self) -> Callable[..., Any]:
        """The SDK's own function, with bounded requests where it says `requests`; the module itself is left as it is."""
        from tushare.pro.client import DataApi

        from pairkit.data.tushare.transport import BoundedRequests

        query = DataApi.query
        names = {**query.__globals__, "requests": BoundedRequests(self._settings.answer_seconds)}
        return FunctionType(
            query.__code__, names, query.__name__, query.__defaults__, query.__closure__
        )

    def _typed(self, problem: Exception, api: str) -> SourceError:
        from requests import RequestException

        from pairkit.data.tushare.transport import BoundExceededError, RedirectedError

        if type(problem) is Exception:
            return error_of(
                without_token(str(problem), self._settings.token.get_secret_value()), api
            )
        if isinstance(problem, RedirectedError):
            return RefusedRequestError(
                _(
                    "TuShare at {endpoint}, "
                    "asked for {api}, points to another address. The request holds the token "
                    "and is sent nowhere else: check TUSHARE_URL, and ask over https if it says http.",
                    endpoint=self._settings.endpoint,
                    api=api,
                )
            )
        if isinstance(problem, BoundExceededError):
            return TransportError(
                _(
                    "TuShare, asked for {api}, {problem}. {try_again}",
                    api=api,
                    problem=problem,
                    try_again=_TRY_AGAIN,
                )
            )
        kind = type(problem).__name__
        if isinstance(problem, RequestException | OSError):
            return TransportError(
                _(
                    "TuShare could not be asked for {api} at {endpoint}: {kind}. {try_again}",
                    api=api,
                    endpoint=self._settings.endpoint,
                    kind=kind,
                    try_again=_TRY_AGAIN,
                )
            )
        return MalformedAnswerError(
            _(
                "TuShare, asked for {api}, "
                "sent what is not an answer of its protocol ({kind} while reading it). {try_again}",
                api=api,
                kind=kind,
                try_again=_TRY_AGAIN,
            )
        )
