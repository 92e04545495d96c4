"""Imports single modules of large packages: what else they import from their package is a mock."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock


class MockedModule(types.ModuleType):
    """Has whatever is asked of it; of modules that are real, those."""

    __path__ = []
    real: set[str] = set()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        value = importlib.import_module(full) if full in MockedModule.real else MagicMock(name=full)
        setattr(self, name, value)
        return value


class MockedPackages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """
    Finds modules below the packages: as their files are for those named, else as mocks.
    packages: where each lies unpacked; real: names of modules that are to run as they are.
    """

    def __init__(self, packages: dict[str, Path], real: set[str]):
        self.packages = packages
        self.real = real

    def find_spec(self, name, path=None, target=None):
        package = name.split(".")[0]
        if package not in self.packages:
            return None
        if name in self.real:
            file = self.packages[package].joinpath(*name.split("."))
            folder = file / "__init__.py"
            if folder.exists():
                return importlib.util.spec_from_file_location(name, folder, submodule_search_locations=[str(file)])
            return importlib.util.spec_from_file_location(name, file.with_suffix(".py"))
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return MockedModule(spec.name)

    def exec_module(self, module):
        pass


def mock_all_but(packages: dict[str, Path], real: set[str]) -> None:
    MockedModule.real = real
    sys.meta_path.insert(0, MockedPackages(packages, real))
