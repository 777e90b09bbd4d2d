"""The report page: what runs have measured, as one HTML file that needs nothing else."""

from reliseg.report.page.build import build_page
from reliseg.report.page.run_files import RunFiles

__all__ = ["RunFiles", "build_page"]
