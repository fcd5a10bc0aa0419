"""Run report: one HTML file to archive, mail and print."""

from pairkit.report.page import report_html, write_report

__all__ = ["report_html", "write_report"]
