"""Report of outstanding measurements on a GPU: steps, each in a process of its own."""

from nerv360.viewer.commands.gpu_report.plan import PAPER, REHEARSAL, ReportSize
from nerv360.viewer.commands.gpu_report.run import machine, prepare_folder, report_gpu

__all__ = ["PAPER", "REHEARSAL", "ReportSize", "machine", "prepare_folder", "report_gpu"]
