"""JSON that has the shape of a type, as bytes: with numbers, strings and depths that nobody sends but somebody may."""

import json
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

_NUMBERS = [0, 1, -1, 2**40 - 1, 2**53, -(2**63), -(2**63) - 1, 2**63 - 1, 2**63, 2**64]

_odd = (
    st.sampled_from([str(number) for number in _NUMBERS])
    | st.sampled_from(["1e400", "-0.0", "9" * 400, r'"\u0000"', r'"\ud800"', r'"\udc00x"', '"\x85\u2028"', '""'])
    | st.integers(1, 1100).map(lambda depth: "[" * depth + "]" * depth)
    | st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ).map(json.dumps)
)
"""Anything that is, or might be taken for, a JSON value."""


def odd_json(of: type, **known: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """A value of this struct, some of its fields odd; `known` gives the JSON text of fields by their name."""
    info = inspect.type_info(of)
    assert isinstance(info, inspect.StructType)
    return _struct(info, known).map(str.encode)


def _struct(info: inspect.StructType, known: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    fields = {field.encode_name: _value(field.type) for field in info.fields} | known
    if info.array_like:
        return st.tuples(*fields.values()).map(lambda items: f"[{','.join(items)}]")
    needed = {f.encode_name: fields[f.encode_name] for f in info.fields if f.required}
    optional = {name: strategy for name, strategy in fields.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=optional).map(_object)


def _object(items: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in items.items()) + "}"


def _value(info: inspect.Type) -> st.SearchStrategy[str]:
    """Mostly right: of many fields only some are odd, so that what is behind them is reached as well."""
    right = _right(info)
    return st.integers(0, 31).flatmap(lambda n: right if n else _odd)


def _right(info: inspect.Type) -> st.SearchStrategy[str]:
    match info:
        case inspect.Metadata(type=inner):
            return _right(inner)
        case inspect.UnionType(types=types):
            return st.one_of([_right(each) for each in types])
        case inspect.IntType(ge=low, le=high):
            numbers = [n for n in _NUMBERS if (low is None or n >= low) and (high is None or n <= high)]
            return st.sampled_from([str(n) for n in numbers])
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern).map(json.dumps)
        case inspect.StrType(min_length=shortest, max_length=longest):
            return st.text(min_size=shortest or 0, max_size=min(longest or 8, 8)).map(json.dumps)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values).map(json.dumps)
        case inspect.EnumType(cls=cls):
            return st.sampled_from([json.dumps(each.value) for each in cls])
    return _PLAIN[type(info)] if type(info) in _PLAIN else _inner(info)


def _inner(info: inspect.Type) -> st.SearchStrategy[str]:
    """What has other values in it."""
    match info:
        case inspect.StructType():
            return _struct(info, {})
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return st.lists(_value(item), max_size=3).map(lambda items: f"[{','.join(items)}]")
        case inspect.TupleType(item_types=types):
            return st.tuples(*(_value(each) for each in types)).map(lambda items: f"[{','.join(items)}]")
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(_right(key), _value(value), max_size=3).map(
                lambda items: "{" + ",".join(f"{k}:{v}" for k, v in items.items()) + "}"
            )
    return _odd


_PLAIN: dict[type[Any], st.SearchStrategy[str]] = {
    inspect.NoneType: st.just("null"),
    inspect.BoolType: st.sampled_from(["true", "false"]),
    inspect.FloatType: st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
}
