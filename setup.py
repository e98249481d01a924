"""Packs the data at the top of the checkout into the package, which pyproject.toml has no word for
beside packages that are found.
"""

from setuptools import find_packages, setup

DATA = {f"viewer.{folder}": folder for folder in ("assets", "shaders")}

setup(
    packages=[*find_packages(include=["model*", "viewer*"]), *DATA],
    package_dir=DATA,
    package_data={"": ["*.pyi"], **{package: ["*"] for package in DATA}},
)
