"""How values of a field may be combined: measured, classes, bits, or labels that are only copied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stacaster.formats.metadata.cf_axes import unit_of
from stacaster.formats.metadata.scales import Scaling
from stacaster.model import BandKind, BitField, ClassValue, Layer

_QUALITY = re.compile(
    r"(^|[_\W])(qc|qa|quality|state|flags?|fmask|mask|dqf|reliability|status|qf)(?=$|[_\W\d])|_QA|_QC|Quality|^QF_|^QC",
    re.IGNORECASE,
)
_QUALITY_UNITS = {
    "bit field",
    "class-flag",
    "bit",
    "bits",
    "concatenated flags",
    "rank",
    "flag",
    "flags",
    "bit-field",
    "class",
}
_LABELS = re.compile(
    r"(day_of_(the_)?year|orbit_?pnt|granule_?pnt|_pnt$|pointer|iobs|num_?obs|Burn_Date|First_Day|Last_Day|line_index)",
    re.IGNORECASE,
)


def is_measured(scaling: Scaling | None) -> bool:
    """Tell whether a formula changes numbers."""
    return scaling is not None and (scaling.scale, scaling.offset) != (1.0, 0.0)


def kind_of(
    layer: Layer,
    attributes: Mapping[str, Any],
    classes: Sequence[ClassValue],
    bitfields: Sequence[BitField],
    scaling: Scaling | None,
    data_type: str,
) -> BandKind:
    """Return how values of a field may be combined.

    Args:
        layer: The field.
        attributes: Its attributes.
        classes: Classes that the file states.
        bitfields: Bit fields that the file states.
        scaling: Formula of the field.
        data_type: NumPy name of its type.
    """
    if _LABELS.search(layer.name) and data_type[0] in "iu":
        return "label"
    if is_measured(scaling) or data_type[0] not in "iu":
        return "continuous"
    if bitfields:
        return "bitfield"
    if classes:
        return "categorical"
    is_quality = unit_of(attributes).lower() in _QUALITY_UNITS or bool(_QUALITY.search(layer.name))
    return "label" if is_quality else "continuous"
