"""Pack the folders of a checkout as one package: pyproject.toml by itself cannot do it."""

from setuptools import find_packages, setup

FOLDERS = {
    "nerv360": "model",
    "nerv360.viewer": "viewer",
    "nerv360.viewer.assets": "assets",
    "nerv360.viewer.shaders": "shaders",
    "nerv360.shaders.decoder": "shaders/decoder",
}

setup(
    packages=[
        *FOLDERS,
        *(f"nerv360.{package}" for package in find_packages("model")),
        *(f"nerv360.viewer.{package}" for package in find_packages("viewer")),
    ],
    package_dir=FOLDERS,
    package_data={
        "": ["*.pyi"],
        "nerv360.viewer": ["web/**"],
        **{
            package: ["*"]
            for package in FOLDERS
            if package.endswith(("assets", "shaders", "decoder"))
        },
    },
)
