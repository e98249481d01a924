"""Text that files bring shows itself and does nothing else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerv360.errors import InputError
from nerv360.text import LONGEST_SENTENCE, escaped, escaped_json, file_name, quoted
from tests.support.hostile import ENDLESS, ORDERS, is_tame


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hafenstädtchen – 港 👍", "Hafenstädtchen – 港 👍"),
        ("Titre : été", "Titre : été"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b1m", r"\x9b1m"),
        ("a\0b\r\nc\td", r"a\x00b\r\nc\td"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u200b\ufeff\u2028\u2066", r"\u200b\ufeff\u2028\u2066"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
        (r"\x1b stays \x1b", r"\x1b stays \x1b"),
    ],
)
def test_what_is_obeyed_is_written_out(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text(st.characters(exclude_categories=())), st.integers(30, 200))
def test_any_text_becomes_one_tame_line_of_bounded_length(text: str, longest: int) -> None:
    once = escaped(text, longest)
    assert len(once) <= longest
    assert "\n" not in once
    assert all(character.isprintable() or character.isspace() for character in once)
    once.encode()
    assert escaped(once, longest) == once


def test_of_a_long_text_both_ends_stay() -> None:
    shown = escaped("begin " + ENDLESS * 100 + " end", 100)
    assert shown.startswith("begin ")
    assert shown.endswith(" end")
    assert len(shown) == 100


@given(
    st.recursive(
        st.text(st.characters(exclude_categories=())) | st.integers(), st.lists, max_leaves=5
    )
)
def test_json_means_the_same_and_is_tame(value: object) -> None:
    text = escaped_json({"value": value, ORDERS: ORDERS})
    assert is_tame(text)
    assert json.loads(text) == {"value": value, ORDERS: ORDERS}


def test_json_keeps_letters() -> None:
    assert "Hafenstädtchen" in escaped_json(["Hafenstädtchen"])


@pytest.mark.parametrize(
    "value",
    [ENDLESS, [ENDLESS] * 9, {ENDLESS: [ENDLESS]}, 10**5000, [10**5000], [[[[[0]]]]]],
    ids=["text", "list", "map", "digits", "list of digits", "nested"],
)
def test_quotes_are_short_and_tame(value: object) -> None:
    assert len(quoted(value)) <= 80
    assert quoted(value).isprintable()


def test_an_error_is_one_bounded_line() -> None:
    sentence = str(InputError(f"scene.safetensors: {ENDLESS}: give another"))
    assert sentence.isprintable()
    assert len(sentence) <= LONGEST_SENTENCE
    assert sentence.startswith("scene.safetensors: ")
    assert sentence.endswith(": give another")


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_a_name_whose_bytes_are_no_text_is_shown() -> None:
    assert file_name(Path(os.fsdecode(b"/folder/\xff\x1b[2J.mp4"))) == "�\\x1b[2J.mp4"
