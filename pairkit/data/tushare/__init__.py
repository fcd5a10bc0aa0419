"""TuShare Pro behind the `Source` protocol.

- `settings`: token, endpoint, limits; `interfaces`: what is asked, with its traps.
- `seam`: one request through the SDK; `words`: what its error texts mean; `cells`: from its rows to typed tables.
- `client`: retries, pacing, breaker, cache, row caps, gaps; `provider`: `TushareSource`.
"""

from pairkit.data.tushare.provider import TushareSource
from pairkit.data.tushare.settings import TushareSettings, read_settings, require_token

__all__ = ["TushareSettings", "TushareSource", "read_settings", "require_token"]
