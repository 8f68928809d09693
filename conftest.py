"""Examples of the real data sets are skipped where the data are absent."""

import re

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the examples of loaders whose files cannot be found."""
    for item in items:
        loader = re.fullmatch(r"bankmkt\.datasets\..*\.(?:load|read)_(\w+)", item.name)
        if loader and isinstance(item, pytest.DoctestItem):
            from bankmkt.datasets._source import folders

            if not any(folder.is_dir() for folder in folders(loader[1])):
                reason = f"no real data for {loader[1]}: docs/datasets.md says where to get it"
                item.add_marker(pytest.mark.skip(reason))
