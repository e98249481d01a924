"""The NeRV360 representation: networks, geometry, scene files, training and evaluation.

Pure torch and numpy: importing it needs no window system.
"""
