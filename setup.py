"""Put the server into the wheel beside the SDK: under one name, so that its `app` is not the `app` of its users."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup  # type: ignore[import-untyped]  # it has no types

SERVER = "dossier_realtime_server"
HOUSED = ("app", "dashboard", "demo")
"""Packages of the checkout that the wheel holds inside of the server's package."""

# Setuptools adds to what an earlier build left there, and would ship modules that have been removed since.
shutil.rmtree(Path(__file__).parent / "build" / "lib", ignore_errors=True)

folders = {f"{SERVER}.{name}": name for name in (*HOUSED, "config")}
found = find_packages(include=[f"{name}{end}" for name in HOUSED for end in ("", ".*")])
modules = [f"{SERVER}.{name}" for name in found]

setup(
    packages=[*find_packages(include=["dossier_realtime*"]), *modules, f"{SERVER}.config"],
    package_dir=folders,
    include_package_data=False,  # `package_data` names all of it; else each folder of assets is warned of
    package_data={
        "dossier_realtime": ["py.typed"],  # type checkers of its users read the types (PEP 561)
        f"{SERVER}.config": ["*.toml", "*.conf", "*.acl"],
        f"{SERVER}.app": [
            "services/briefs/generators/*/*.j2",
            "web/pages/assets/*",
            "engine/redis/scripts/*.lua",
        ],
        f"{SERVER}.dashboard": ["assets/*/*"],
    },
)
