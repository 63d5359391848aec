"""Checks of plain data that cannot be changed."""

from __future__ import annotations

__all__ = ()

import copy
import json
import pickle
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.webhooks._proto.frozen import FrozenDict, FrozenList, freeze_object

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.text(max_size=3), plain, max_size=3)


@given(given=objects)
def test_frozen_data_is_what_it_was(given: dict[str, Any]) -> None:
    """As plain data, as JSON, copied and pickled."""
    frozen = freeze_object(given)

    assert frozen == given
    assert json.dumps(frozen) == json.dumps(given)
    assert copy.deepcopy(frozen) == copy.copy(frozen) == given
    assert pickle.loads(pickle.dumps(frozen)) == given


def test_frozen_data_does_not_follow_what_it_was_made_of() -> None:
    """However deep."""
    inner = [1]
    frozen = freeze_object({"a": {"b": inner}})

    inner.append(2)

    assert frozen == {"a": {"b": [1]}}


def test_frozen_data_knows_what_looks_like_it() -> None:
    """Mappings and tuples of any kind become the two kinds that JSON has."""
    frozen = freeze_object(MappingProxyType({"a": (MappingProxyType({"b": ()}),)}))

    assert frozen == {"a": [{"b": []}]}
    assert isinstance(frozen["a"], FrozenList)
    assert isinstance(frozen["a"][0], FrozenDict)


@pytest.mark.parametrize(
    "change",
    [
        "d['a'] = 1",
        "del d['a']",
        "d.update(a=1)",
        "d.pop('a')",
        "d.popitem()",
        "d.clear()",
        "d.setdefault('b', 1)",
        "d |= {}",
        "d['a'][0] = 1",
        "del d['a'][0]",
        "d['a'].append(1)",
        "d['a'].extend([1])",
        "d['a'].insert(0, 1)",
        "d['a'].pop()",
        "d['a'].remove(1)",
        "d['a'].clear()",
        "d['a'].reverse()",
        "d['a'].sort()",
        "d['a'] += [1]",
        "d['a'] *= 2",
    ],
)
def test_frozen_data_refuses_every_change(change: str) -> None:
    """With an error, and without having changed."""
    frozen = freeze_object({"a": [1, 2]})

    with pytest.raises(TypeError, match="cannot be changed"):
        exec(change, {"d": frozen})

    assert frozen == {"a": [1, 2]}
