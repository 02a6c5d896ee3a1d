"""One normaliser for names, and one definition of the options of each function."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import UsageError
from stacaster.model import options
from stacaster.model.names import as_names, check_known, option_names, with_one_name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("B01", ["B01"]),
        ("B01,B02", ["B01", "B02"]),
        (" B01 , B02,", ["B01", "B02"]),
        (["B01", "B02"], ["B01", "B02"]),
        (("B01,B02", "B03N"), ["B01", "B02", "B03N"]),
        (["B02", "B01", "B02"], ["B02", "B01"]),
        (iter(["B01"]), ["B01"]),
        ("", []),
        ((), []),
    ],
)
def test_names_in_every_form(value: Any, expected: list[str] | None) -> None:
    assert as_names(value, "bands") == expected


@pytest.mark.parametrize("value", [5, 1.5, True, b"B01", {"B01": 1}, ["B01", 2], object()])
def test_what_is_no_name_is_told(value: Any) -> None:
    with pytest.raises(UsageError, match=r"bands=.*: give a name, names with commas between them, or a list"):
        as_names(value, "bands")


def test_two_names_of_one_option() -> None:
    assert with_one_name({"collection": "a,b", "group_by": "id", "bands": "x"}) == {
        "collections": ["a", "b"], "groupby": "id", "bands": ["x"],
    }  # fmt: skip
    assert with_one_name({"collection": None, "collections": "a"}) == {"collections": ["a"]}
    with pytest.raises(UsageError, match="group_by= and groupby= are names of one option"):
        with_one_name({"groupby": "id", "group_by": "time"})


def test_an_unknown_option_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"load has no option 'bandz'; nearest are bands"):
        check_known("load", ["bbox", "bandz"], options.LoadOptions)


def test_load_takes_what_odc_stac_takes() -> None:
    import odc.stac

    theirs = {
        name for name, part in inspect.signature(odc.stac.load).parameters.items() if part.kind is not part.VAR_KEYWORD
    }
    # Places in degrees are said by bbox and intersects; a failed read is said by report; fusing is stacaster's.
    left_out = {"items", "geopolygon", "lon", "lat", "fail_on_error", "fuse_func"}
    assert theirs - left_out <= option_names(options.LoadOptions)


DOORS = [
    (stacaster.load, options.LoadOptions), (Catalog.load, options.CatalogLoadOptions),
    (Catalog.search, options.ItemSearchOptions), (stacaster.export, options.ExportOptions),
    (stacaster.sample, options.SampleOptions),
]  # fmt: skip


@pytest.mark.parametrize(("function", "family"), DOORS, ids=lambda value: getattr(value, "__qualname__", None))
def test_options_of_a_function_are_those_of_its_family(function: Any, family: Any) -> None:
    """A parameter of the same name as an option of the family would hide it."""
    parameters = inspect.signature(function).parameters
    named = {name for name, part in parameters.items() if part.kind is not part.VAR_KEYWORD}
    (annotation,) = [part.annotation for part in parameters.values() if part.kind is part.VAR_KEYWORD]
    taken = getattr(options, annotation.removeprefix("Unpack[").removesuffix("]"))
    if taken is family:
        assert not named & option_names(family)
    else:
        assert option_names(family) == (named & option_names(family)) | option_names(taken)
