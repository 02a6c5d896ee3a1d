"""The notebooks run from the first cell to the last."""

from __future__ import annotations

from pathlib import Path

import pytest

NAMES = ("mineral_mapping", "photons", "time_series")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(repository: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", str(repository))
    notebook = nbformat.read(repository / "scripts" / "notebooks" / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    shown = [output for cell in cells for output in cell.outputs]
    assert sum("text/html" in output.get("data", {}) for output in shown) >= 3
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 1
    assert not [output for output in shown if output.output_type == "error"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_results(repository: Path, name: str) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(repository / "scripts" / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs") and not cell.get("execution_count")
