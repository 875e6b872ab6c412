"""The page of a study: tables beside the paper's, figures, costs and what is missing."""

from smile_bench.studies.report.writing import write_report

__all__ = ["write_report"]
