"""The tables of ``nerv360 bench``, one module each."""

from nerv360.viewer.commands.tables.engines import bench_engines
from nerv360.viewer.commands.tables.table1 import bench_table1
from nerv360.viewer.commands.tables.table2 import bench_table2
from nerv360.viewer.commands.tables.table3 import bench_table3
from nerv360.viewer.commands.tables.table4 import bench_table4

__all__ = ["bench_engines", "bench_table1", "bench_table2", "bench_table3", "bench_table4"]
