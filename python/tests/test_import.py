"""The package builds, installs and imports its native module."""

import importlib.metadata

import sandlock


def test_the_version_of_the_native_module_is_the_one_of_the_package():
    assert sandlock.__version__ == importlib.metadata.version("sandlock")
