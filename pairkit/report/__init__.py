"""A run as one HTML file that a desk can file, mail and print."""

from pairkit.report.page import report_html, write_report

__all__ = ["report_html", "write_report"]
