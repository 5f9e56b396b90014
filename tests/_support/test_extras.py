"""Optional packages: the sentence names what is missing and the extra that brings it."""

from __future__ import annotations

from pytest_modeleval._support.extras import missing_extra


def test_installed_packages_need_no_extra() -> None:
    """Nothing is said about packages that can be imported."""
    assert missing_extra("web", ("json", "pytest")) == ""


def test_a_missing_package_names_its_extra() -> None:
    """The missing ones only, and the command that installs them."""
    said = missing_extra("web", ("json", "no_such_package", "nor_this"))
    assert said == "no_such_package and nor_this not installed; run: pip install 'pytest-modeleval[web]'"
