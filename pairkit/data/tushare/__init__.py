"""TuShare Pro as a data provider, behind the `Source` protocol.

- `settings`: token, endpoint, limits; `endpoints`: the endpoints in use, with their traps.
- `sdk`: one request; `errors`: what its error texts mean; `parse`: from its rows to typed tables.
- `client`: retries, pacing, breaker, cache, row caps, gaps; `provider`: `TushareSource`.
"""

from pairkit.data.provider.registry import Provider
from pairkit.data.tushare.provider import TushareSource, open_source
from pairkit.data.tushare.settings import TushareSettings, read_settings, require_token

PROVIDER = Provider("tushare", "TuShare", open_source, lambda: require_token(read_settings()))

__all__ = ["PROVIDER", "TushareSettings", "TushareSource", "read_settings", "require_token"]
