"""Pack the top-level data folders into the package: pyproject.toml by itself cannot do it."""

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
