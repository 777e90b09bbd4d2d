"""Charts: each module is one, a function from plain records to an Altair chart, for papers and for pages."""

from reliseg.errors import MissingExtraError

try:
    import altair  # noqa: F401
except ImportError as error:
    raise MissingExtraError("altair", "report", "a chart") from error
