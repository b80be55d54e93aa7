"""A measurement is written to its part of a page, and nowhere else."""

from pathlib import Path

import pytest
from tools import figures

_PAGE = "# Page\n\n<!-- one -->\n<!-- end -->\n\n<!-- two -->\n| first | 1 |\n| second | 2 |\n<!-- end -->\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with an empty part and a table."""
    path = tmp_path / "page.md"
    path.write_text(_PAGE)
    return path


def test_an_empty_part_is_filled(page: Path) -> None:
    """Lines go to the part of that name, also if nothing was there."""
    figures.put(page, "one", ["a", "b"])
    assert page.read_text() == _PAGE.replace("<!-- one -->\n", "<!-- one -->\na\nb\n")


def test_a_part_that_is_not_there(page: Path) -> None:
    """A name that the page does not have is an error: otherwise figures would be lost."""
    with pytest.raises(ValueError, match="expected one part <!-- three -->, found 0"):
        figures.put(page, "three", ["a"])


@pytest.mark.parametrize(
    ("first", "rows"),
    [
        pytest.param("first", ["| first | 3 |", "| second | 2 |"], id="replaced"),
        pytest.param("third", ["| first | 1 |", "| second | 2 |", "| third | 3 |"], id="added"),
    ],
)
def test_a_row_of_a_table(page: Path, first: str, rows: list[str]) -> None:
    """A row replaces the one with the same first cell, or is added as the last."""
    figures.put_row(page, "two", first, ["3"])
    assert figures.part(page, "two") == rows
