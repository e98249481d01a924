"""Similarity of pictures: PSNR, MS-SSIM, WS-PSNR, and quality where it moves."""
