"""Tasks as an array job of Slurm: the script, its submission, and what became of its elements."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from stacaster.errors import StacasterError, UsageError
from stacaster.files.atomic import complete_file

_SECONDS = 60
_OPTION = re.compile(r"[a-z][a-z-]*")
_OURS = {"array", "output", "error", "signal", "requeue", "open-mode", "parsable", "wait"}
_ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
}  # fmt: skip
"""States that end a job (squeue(1)); whatever else there is may still run."""


def write_array_script(
    path: Path,
    command: Sequence[str],
    *,
    elements: range,
    window: int | None,
    lead_s: int,
    logs: Path,
    options: Mapping[str, str],
) -> Path:
    """Write the script of an array job; each element runs a command, to which its index is appended.

    The script of a single element also runs without Slurm, as a plain program.

    Args:
        path: File to write.
        command: Words of the command.
        elements: Indices of the elements.
        window: Elements that may run at once; None leaves it to Slurm.
        lead_s: So long before the end of its time an element gets the signal USR1.
        logs: Folder for the output of the elements.
        options: Options of sbatch without dashes, such as ``partition`` and ``time``.

    Raises:
        UsageError: An option is none, or one that the script needs itself.
        ExportError: The file cannot be written.
    """
    lines = [
        "#!/bin/bash",
        f"#SBATCH --array={elements[0]}-{elements[-1]}" + (f"%{window}" if window is not None else ""),
        f"#SBATCH --output={logs}/%A_%a.log",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        f"#SBATCH --signal=B:USR1@{lead_s}",
    ]
    for name, value in options.items():
        if not _OPTION.fullmatch(name) or name in _OURS:
            raise UsageError(
                f"{name!r} is no option of sbatch that can be given; partition, account, qos, time ... can"
            )
        if any(sign in str(value) for sign in "\n\r\0"):
            raise UsageError(f"the value of {name} holds a line break")
        lines.append(f"#SBATCH --{name}={value}")
    # The shell is replaced, so that signals for the batch step reach the program.
    index = "$SLURM_ARRAY_TASK_ID" if len(elements) > 1 else f"${{SLURM_ARRAY_TASK_ID:-{elements[0]}}}"
    lines += ["export OMP_NUM_THREADS=1", f'exec {shlex.join(command)} "{index}"', ""]
    with complete_file(path) as part:
        part.write_text("\n".join(lines), encoding="utf-8")
        part.chmod(0o755)
    return path


def submit(script: Path) -> str:
    """Submit a script and return the number of the job.

    Raises:
        UsageError: There is no sbatch, or it refuses the script; the message is Slurm's.
    """
    found = _call("sbatch", "--parsable", str(script))
    return found.strip().split(";")[0]


def states(job: str) -> dict[str, str] | None:
    """Return the state of each element of a job by index; None when Slurm does not know the job any more.

    ``squeue`` forgets jobs some minutes after their end; then the accounting is asked, where the cluster has one.

    Raises:
        UsageError: There is no squeue.
        StacasterError: Slurm does not answer.
    """
    try:
        text = _call("squeue", "--noheader", "--array", "--states=all", f"--jobs={job}", "--format=%K %T")
    except StacasterError as error:
        if "Invalid job id" in error.message:
            return _accounted(job)
        raise
    return dict(line.split(None, 1) for line in text.splitlines() if line.strip())


def _accounted(job: str) -> dict[str, str] | None:
    """Return what the accounting says of the elements of a job; None where there is none."""
    if shutil.which("sacct") is None:
        return None
    try:
        text = _call("sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}",
                     "--format=JobID,State")  # fmt: skip
    except StacasterError:
        # Clusters without slurmdbd: "Slurm accounting storage is disabled".
        return None
    found = {}
    for line in filter(None, text.splitlines()):
        name, _, state = line.partition("|")
        # "CANCELLED by 1000" (sacct(1)); elements that never ran stand in one line as 12_[3-7].
        for index in _indices(name.partition("_")[2]):
            found[index] = state.split()[0]
    return found or None


def _indices(text: str) -> list[str]:
    """Return the indices of ``3``, or of ``[3-5,8%2]``."""
    found: list[str] = []
    for part in text.strip("[]").partition("%")[0].split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            found += [str(number) for number in range(int(first), int(last or first) + 1)]
    return found


def is_ended(state: str) -> bool:
    """Tell whether an element in a state does nothing any more."""
    return state.strip() in _ENDED


def cancel(job: str) -> None:
    """Cancel a job; one that ended is left alone.

    Raises:
        UsageError: There is no scancel.
        StacasterError: Slurm does not answer.
    """
    _call("scancel", job)


def requeue(job: str) -> None:
    """Put an element back into the queue; called inside of it.

    Raises:
        UsageError: There is no scontrol.
        StacasterError: Slurm refuses.
    """
    _call("scontrol", "requeue", job)


def _call(*words: str) -> str:
    program = shutil.which(words[0])
    if program is None:
        raise UsageError(
            f"{words[0]} is not on this machine; go to a node of the Slurm cluster, or take another executor"
        )
    try:
        done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise StacasterError(f"{words[0]} does not answer within {_SECONDS} s") from error
    if done.returncode:
        kind = UsageError if words[0] == "sbatch" else StacasterError
        raise kind(f"{words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
