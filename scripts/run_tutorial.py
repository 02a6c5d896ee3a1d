"""Run a notebook in the current folder and keep its results in it; used by scripts/run-tutorials."""

import sys
from pathlib import Path

import nbclient
import nbformat

path = Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(Path.cwd())}}).execute()
for cell in notebook.cells:
    # Times of execution and names of this machine would change the file at every run.
    cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
    # What is said on stderr names the paths of this machine.
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
nbformat.write(notebook, path)
