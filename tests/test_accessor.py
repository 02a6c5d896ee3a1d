"""``import stacaster`` registers ``cube.stacaster``, whichever package is imported first, and costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

USE = "xr.Dataset({'B01': ('x', [1.0])}).stacaster.index; xr.DataArray([1.0], dims='x').stacaster.plot; print('ok')"


@pytest.mark.parametrize(
    "code",
    [
        f"import stacaster, xarray as xr; {USE}",
        f"import xarray as xr, stacaster; {USE}",
        f"import stacaster; from xarray import Dataset; import xarray as xr; {USE}",
        f"import stacaster, importlib; xr = importlib.import_module('xarray'); {USE}",
        f"import stacaster.cube, xarray as xr; {USE}",
        "import stacaster, sys; assert 'xarray' not in sys.modules and 'numpy' not in sys.modules; print('ok')",
        "import stacaster, xarray as xr, importlib.resources as r; (r.files('xarray') / 'py.typed').is_file();"
        "assert type(xr.__spec__.loader).__module__.startswith(('importlib', '_frozen')); print('ok')",
        "import stacaster, sys, importlib, xarray as xr; importlib.reload(xr); print('ok')",
        "import warnings; warnings.simplefilter('error'); import stacaster, xarray as xr, stacaster.cube; print('ok')",
        "import stacaster, sys\nsys.path[:] = []\nsys.meta_path[:] = sys.meta_path[:1]\n"
        "try:\n  import xarray\nexcept ImportError:\n  print('ok')",
    ],
)
def test_in_a_fresh_process(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("ok", 0), done.stderr
