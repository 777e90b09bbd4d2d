"""What shows results is imported when somebody looks."""

import subprocess
import sys

from reliseg.results.views import view


def test_a_view_is_a_function_of_the_reports():
    assert view("notebook.html", "results_html").__module__ == "reliseg.report.notebook.html"


def test_results_need_no_report_before_they_are_shown():
    code = "import sys, reliseg.results; print(any(name.startswith('reliseg.report') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"False"
