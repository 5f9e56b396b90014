"""Selection by -k and -m, which pytest decides here for one item of each group (item_groups)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from pytest_modeleval.fast_path.item_groups import groups

# Who may look at stand-ins: -k and -m, --deselect, the order of fixtures' parameters, the worker of xdist.
GROUP_SAFE_PLUGINS = frozenset({"_pytest.mark", "_pytest.main", "_pytest.fixtures", "xdist.remote", "__channelexec__"})


class KeywordSelection:
    """Lets -k and -m see one item of each kind, where no other plugin selects or sorts in between."""

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """The innermost wrapper: others around it (--lf, --nf, ours) see all items, before and after."""
        found = groups(items, config.option.keyword) if _is_undisturbed(config) else None
        if found is None:
            yield
            return
        every = list(items)
        items[:] = found.representatives
        try:
            yield
        except BaseException:
            items[:] = every
            raise
        chosen = list(items)
        items[:] = found.of(chosen)
        if len(chosen) < len(found.representatives) and (left := found.others(chosen)):
            config.hook.pytest_deselected(items=left)


def _is_undisturbed(config: pytest.Config) -> bool:
    caller: Any = config.hook.pytest_collection_modifyitems
    inside = {
        impl.function.__module__
        for impl in caller.get_hookimpls()
        if impl.trylast or not (impl.wrapper or impl.hookwrapper)
    }
    inside.discard(__name__)
    return (
        inside <= GROUP_SAFE_PLUGINS
        and not config.getoption("deselect", None)
        and not config.getoption("loadgroup", default=False)
    )
