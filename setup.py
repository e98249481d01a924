"""Packs the data at the top of the checkout into the package, which pyproject.toml has no word for
beside packages that are found.
"""

from setuptools import find_packages, setup

DATA = {
    "viewer.assets": "assets",
    "viewer.shaders": "shaders",
    "model.shaders.decoder": "shaders/decoder",
}

setup(
    packages=[*find_packages(include=["model*", "viewer*"]), *DATA],
    package_dir=DATA,
    package_data={"": ["*.pyi"], "viewer": ["web/**"], **{package: ["*"] for package in DATA}},
)
