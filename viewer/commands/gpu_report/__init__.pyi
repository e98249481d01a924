from .plan import PAPER as PAPER
from .plan import REHEARSAL as REHEARSAL
from .plan import ReportSize as ReportSize
from .run import machine as machine
from .run import prepare_folder as prepare_folder
from .run import report_gpu as report_gpu
