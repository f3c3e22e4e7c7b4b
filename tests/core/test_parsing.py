"""JSON and TOML of any depth: a value, or an error that says what is wrong."""

import tomllib

import pytest

from labeling.core.parsing import parse_json, parse_toml


@pytest.mark.parametrize("text", ["[" * 200_000 + "]" * 200_000, '{"a":' * 200_000, "[" * 200_000])
def test_json_that_is_nested_too_deeply_is_an_error_like_any_other(text):
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(text)


def test_toml_that_is_nested_too_deeply_is_an_error_like_any_other():
    with pytest.raises(tomllib.TOMLDecodeError, match="nested too deeply"):
        parse_toml("x = " + "[" * 200_000 + "]" * 200_000)


def test_values_are_read():
    assert parse_json('{"a": [1]}') == {"a": [1]}
    assert parse_toml("a = [1]") == {"a": [1]}
