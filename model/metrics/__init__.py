"""Similarity of pictures: PSNR, MS-SSIM, WS-PSNR, and quality of the moving pixels."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
