"""Which masks are applied to a cube, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stacaster.analysis import masks
from stacaster.cube.pipeline.mask_steps import ClassTest
from stacaster.errors import UsageError, nearest
from stacaster.model.names import as_names

PREFIX = "mask_"
"""Names of masks that are kept in a cube begin so."""


@dataclass(frozen=True, kw_only=True)
class Masking:
    """Which masks are applied, and how."""

    names: tuple[str, ...] = ()
    """Names of rules, or ``asset=class``."""
    cloud: str | masks.CloudThresholds = "paper"
    """Variant of the cloud test, or thresholds."""
    keep: bool | str = False
    """True adds each mask as booleans, ``classes`` all of them as one band of bits."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of the bands of classes, by the names under which they are given."""

    def bands(self) -> list[str]:
        """Return the bands that the masks need."""
        found = []
        for name in self.names:
            rule = masks.MASKS.get(name)
            found += [name.partition("=")[0]] if rule is None else [*rule.reflectance, *rule.temperature]
        return list(dict.fromkeys(found))

    def attributes(self) -> dict[str, str]:
        """Return what a masked band says of its masks."""
        if not self.names:
            return {}
        sources = []
        for name in self.names:
            rule = masks.MASKS.get(name)
            variant = f" ({self.cloud} thresholds)" if name == "cloud" else ""
            sources.append(f"{name}: {rule.citation}{variant}" if rule else f"{name}: classes of the product")
        return {"masks": " ".join(self.names), "mask_rules": "; ".join(sources)}


def read_masking(mask: str | Iterable[str] | None, *, cloud: Any = "paper", keep: bool | str = False) -> Masking:
    """Check the masks that were asked for.

    Raises:
        UsageError: A mask or a variant is not known.
    """
    names = masks.check_names(as_names(mask, "mask") or ())
    if keep not in (True, False, "classes"):
        raise UsageError(f"keep_masks is {keep!r}, but True, False or 'classes' is needed")
    masks.cloud_thresholds(cloud)
    return Masking(names=tuple(names), cloud=cloud, keep=keep)


def class_test(fields: Mapping[str, Any], wanted: str, *, name: str) -> ClassTest:
    """Return which stored numbers are of a class.

    Args:
        fields: Fields of the band with ``classification:classes``, ``classification:bitfields`` or ``file:values``.
        wanted: Name of a class, ``bitfield/class``, or a bit field of one bit.
        name: Of the band, for the message.

    Raises:
        UsageError: There is no such class; the message lists those there are.
    """
    known = class_tests(fields)
    if wanted in known:
        return known[wanted]
    same = [key for key in known if key.lower() == wanted.lower()]
    if len(same) == 1:
        return known[same[0]]
    inside = [key for key in known if key.rpartition("/")[2] == wanted]
    if len(inside) == 1:
        return known[inside[0]]
    if inside:
        raise UsageError(f"{name}: class {wanted!r} can be {', '.join(inside)}; name one of them")
    raise UsageError(
        f"{name}: class is {wanted!r}; {nearest(wanted, known)}" if known else f"{name}: the band has no classes"
    )


def class_tests(fields: Mapping[str, Any]) -> dict[str, ClassTest]:
    """Return the classes of a band by name: of one name all their values."""
    values: dict[str, list[float]] = {}
    for entry in fields.get("classification:classes") or ():
        for label in dict.fromkeys(_labels(entry)):
            values.setdefault(label, []).append(float(entry["value"]))
    for entry in fields.get("file:values") or ():
        values.setdefault(str(entry.get("summary")), []).extend(float(value) for value in entry.get("values") or ())
    known = {label: ClassTest(values=tuple(numbers)) for label, numbers in values.items()}
    for part in fields.get("classification:bitfields") or ():
        shift, bits = int(part["offset"]), int(part["length"])
        field_name = str(part.get("name") or part.get("description") or shift)
        for entry in part.get("classes") or ():
            for label in dict.fromkeys(_labels(entry)):
                known.setdefault(
                    f"{field_name}/{label}", ClassTest(shift=shift, bits=bits, values=(float(entry["value"]),))
                )
        if bits == 1:
            # A bit by itself is set or not, whatever its two classes are called.
            known.setdefault(field_name, ClassTest(shift=shift, bits=1, values=(1.0,)))
    return known


def _labels(entry: Mapping[str, Any]) -> list[str]:
    """Return the names of a class: older versions of the extension had a description alone."""
    names = [entry.get("name"), entry.get("title")]
    found = [str(name) for name in names if name not in (None, "")]
    return found or [str(entry.get("description") or entry.get("value"))]
