"""Studies: many trainings from one file, on one machine or many, that survive being killed."""

from smile_bench.studies.reading import read_study
from smile_bench.studies.study import Cell, Job, Study

__all__ = ["Cell", "Job", "Study", "read_study"]
