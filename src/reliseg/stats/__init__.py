"""Statistics: small summaries of pixels that merge exactly, their reference and their fast kernel."""

from reliseg.stats.device import DeviceLogits
from reliseg.stats.pixels import Layout, PixelStatistics, TopLabel, reliability
from reliseg.stats.samples import SampleTable
from reliseg.stats.view import LogitView

__all__ = ["DeviceLogits", "Layout", "LogitView", "PixelStatistics", "SampleTable", "TopLabel", "reliability"]
