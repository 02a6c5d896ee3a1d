"""ODL as ECS writes it."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhdf.SD import SD, SDC

from stacaster.formats.metadata.odl import OdlError, parse_odl

TEXT = """
GROUP                  = INVENTORYMETADATA
  GROUPTYPE            = MASTERGROUP
  GROUP                  = ASTERGENERIC
    OBJECT                 = SCENECLOUDCOVERAGE
      NUM_VAL              = 1
      VALUE                = 12
    END_OBJECT             = SCENECLOUDCOVERAGE
    OBJECT                 = UPPERLEFT
      CLASS                = "3"
      NUM_VAL              = 2
      VALUE                = (-30.5, 1.38E+02)
    END_OBJECT             = UPPERLEFT
    OBJECT                 = NOTE
      VALUE                = "two words = one @
          value (with ma
          rks)"
    END_OBJECT             = NOTE
  END_GROUP              = ASTERGENERIC
  OBJECT                 = CONTAINER
    CLASS                = "7"
    OBJECT                 = NAME
      NUM_VAL              = 1
      VALUE                = "Path"
    END_OBJECT             = NAME
  END_OBJECT             = CONTAINER
END_GROUP              = INVENTORYMETADATA
END
anything\0\0
"""


def test_values_classes_and_paths() -> None:
    found = {item.name: item for item in parse_odl(TEXT.replace("@\n", "\n"), document="coremetadata")}
    assert found["SCENECLOUDCOVERAGE"].value == 12
    assert found["UPPERLEFT"].value == (-30.5, 138.0)
    assert found["UPPERLEFT"].object_class == "3"
    assert found["NOTE"].value == "two words = one value (with marks)"
    assert found["NAME"].value == "Path" and found["NAME"].object_class == "7"
    assert found["NAME"].path[0] == "INVENTORYMETADATA"
    assert {item.document for item in found.values()} == {"coremetadata"}
    assert "GROUPTYPE" not in found and "NUM_VAL" not in found


@pytest.mark.parametrize(
    "text",
    [
        "GROUP = A\nEND_GROUP = B\nEND",
        "GROUP = A\nEND",
        "END_GROUP = A\nEND",
        "GROUP = A\nnonsense\nEND_GROUP = A\nEND",
        "GROUP = A\nX = (1, 2\nEND_GROUP = A\nEND",
        "".join(f"GROUP = A{i}\n" for i in range(200)),
    ],
)
def test_what_is_no_odl_is_an_error_with_a_line(text: str) -> None:
    with pytest.raises(OdlError):
        parse_odl(text)


def test_line_of_an_error() -> None:
    with pytest.raises(OdlError, match="line 3"):
        parse_odl("GROUP = A\n  X = 1\n  nonsense\nEND_GROUP = A\nEND\n")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="GROUPENDOBJCTVAL=_ (){},\"'\n\t0123.-\0", max_size=300))
def test_any_text_parses_or_is_refused(text: str) -> None:
    with contextlib.suppress(OdlError):
        parse_odl(text)


def test_time_grows_with_the_length_only() -> None:
    block = 'OBJECT = A\nVALUE = ("x",\n "y")\nEND_OBJECT = A\n'
    seconds = []
    for count in (2_000, 16_000):
        start = time.process_time()
        assert len(parse_odl("GROUP = G\n" + block * count + "END_GROUP = G\nEND\n")) == count
        seconds.append(time.process_time() - start)
    assert seconds[1] < 40 * max(seconds[0], 0.01), "eight times the text"


def test_all_metadata_of_real_files(shared: Path) -> None:
    objects = 0
    for path in sorted((shared / "data" / "hdf4").glob("M*.hdf")):
        file = SD(str(path), SDC.READ)
        for name, value in file.attributes().items():
            if isinstance(value, str) and value.lstrip().upper().startswith("GROUP"):
                found = parse_odl(value, document=name)
                written = re.findall(r"^\s*(?:VALUE|Projection|XDim|DataType)\s*=", value, flags=re.MULTILINE)
                assert len(found) >= len(written) > 0, name
                objects += len(found)
        file.end()
    assert objects > 300
