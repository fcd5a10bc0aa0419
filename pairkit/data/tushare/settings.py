"""TuShare settings: token, endpoint, limits, from the environment, `.env` or Streamlit's secrets, in that order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pairkit.errors import SourceError, TokenError
from pairkit.folders import cache_folder
from pairkit.language import N_, _, in_english

DEFAULT_URL = "http://api.waditu.com/dataapi"
CALLS_OF_2000_POINTS = {
    "fut_basic": 80,
    "fut_daily": 120,
}  # a minute; of other interfaces such an account may make 200
SECRETS_FILE = Path(".streamlit/secrets.toml")
HOW_TO_REGISTER = N_(
    "Register at https://tushare.pro, copy the token from your account page, and put TUSHARE_TOKEN=... into a file named .env "
    'in this folder (see .env.example), into the environment, or TUSHARE_TOKEN = "..." into .streamlit/secrets.toml. Futures '
    "need an account of 2,000 points."
)


class TushareSettings(BaseSettings):
    """Token, endpoint and limits. Each is also an environment variable: `TUSHARE_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="TUSHARE_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        extra="ignore",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
    )

    token: SecretStr = Field(default=SecretStr(""), description=N_("Access token of the account."))
    url: str = Field(
        default=DEFAULT_URL, description=N_("Endpoint; TuShare's own speaks plain HTTP.")
    )
    timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description=N_("Give up on an answer after this long without a byte."),
    )
    answer_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description=N_("Give up on an answer that is not whole after this long."),
    )
    calls_per_minute: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description=N_("What the account may call one interface in a minute."),
    )
    calls_per_minute_of: Annotated[dict[str, Annotated[int, Field(ge=1, le=100_000)]], NoDecode] = (
        Field(
            default=CALLS_OF_2000_POINTS,
            description=N_("The same for interfaces that the account may call less, as JSON."),
        )
    )
    pacing_share: float = Field(
        default=0.8, gt=0, le=1, description=N_("Share of that limit to use.")
    )
    cache_dir: Path | None = Field(
        default=None,
        description=N_(
            "Where answers are kept; by default `PAIRKIT_CACHE`, or the user's cache folder."
        ),
    )

    @field_validator("token", mode="before")
    @classmethod
    def _token_without_blanks(cls, token: object) -> object:
        return token.strip() if isinstance(token, str) else token

    @field_validator("calls_per_minute_of", mode="before")
    @classmethod
    def _calls_from_json(cls, calls: object) -> object:
        """Streamlit's secrets may hold a table or, like the environment, JSON."""
        return json.loads(calls) if isinstance(calls, str) else calls

    @field_validator("calls_per_minute_of")
    @classmethod
    def _calls_of_the_others_stay(cls, calls: dict[str, int]) -> dict[str, int]:
        """One that is given leaves the limits of the others as they are."""
        return {**CALLS_OF_2000_POINTS, **calls}

    @field_validator("url")
    @classmethod
    def _url_is_http(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                _(
                    "TUSHARE_URL must be an http or https address such as {default_url}",
                    default_url=DEFAULT_URL,
                )
            )
        if parts.username or parts.password or parts.query:
            raise ValueError(_("TUSHARE_URL must not carry a user, a password or a query"))
        return url.strip().rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings passes all of them
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, `.env`, then Streamlit's secrets."""
        return init_settings, env_settings, dotenv_settings, StreamlitSecrets(settings_cls)

    @property
    def endpoint(self) -> str:
        """Host and port of the provider."""
        return urlsplit(self.url).netloc

    @property
    def address(self) -> str:
        """Full address of the provider, without a user's name in it: two paths on one host may be two providers."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


class StreamlitSecrets(TomlConfigSettingsSource):
    """`.streamlit/secrets.toml` as plain TOML: TUSHARE_TOKEN and the like, at the top of the file."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls, SECRETS_FILE)
        prefix = str(settings_cls.model_config["env_prefix"])
        fields = {f"{prefix}{field}".upper(): field for field in settings_cls.model_fields}
        self.init_kwargs = {
            fields[key.upper()]: value
            for key, value in self.toml_data.items()
            if key.upper() in fields
        }


def read_settings() -> TushareSettings:
    """The settings of this folder and environment.

    Raises
    ------
    SourceError
        One of them is out of bounds, or a file cannot be read.
    """
    try:
        return TushareSettings()
    except ValidationError as error:
        faults = "; ".join(
            f"TUSHARE_{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        )
    except (OSError, ValueError) as error:
        faults = in_english(
            "{name} while reading .env or {secrets_file}",
            name=type(error).__name__,
            secrets_file=SECRETS_FILE,
        )  # its text could quote the file
    raise SourceError(
        _(
            "the TuShare settings cannot be used: {faults}. Correct them in the environment, .env or {secrets_file}.",
            faults=faults,
            secrets_file=SECRETS_FILE,
        )
    )


def require_token(settings: TushareSettings) -> SecretStr:
    """The token, or TokenError that says how to get one."""
    if not settings.token.get_secret_value():
        raise TokenError(
            _("there is no TuShare token. {how_to_register}", how_to_register=_(HOW_TO_REGISTER))
        )
    return settings.token


def answers_folder(settings: TushareSettings) -> Path:
    """Folder of cached answers: the setting, else the cache folder."""
    return cache_folder() if settings.cache_dir is None else settings.cache_dir
