"""Classes and bit fields from what files say of them: CF flags, and the legends of several families. Pure functions.

Sources: CF Conventions 1.11, section 3.5 (flags); attributes ``Legend``, ``Key``, ``*_DOC``, ``legend`` and
``data_description`` of MODIS and VIIRS land products.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stacaster.model import BitField, ClassValue

_NUMBER = re.compile(r"[+-]?\d+")
_TEXTS = ("Legend", "legend", "QA_Legend", "Key", "Description", "description", "data_description", "QA_index",
          "QA_bitmap_index", "quality_flag_description", "classes", "meaning")  # fmt: skip
_RANGE = re.compile(r"^\s*\[(?P<first>\d+)(?:\s*-\s*(?P<last>\d+))?\]\s*:?\s*(?P<name>.*?)\s*$")
_RANK = re.compile(r"^\s*\[\s*(?P<value>-?\d+)\s*\]\s*:\s*(?P<text>.+?)\s*$")
_BITS = re.compile(r"^\s*(?P<bits>[01]+)\s*(?::|---|=)\s*(?P<text>.+?)\s*$")
_START = re.compile(r"^\s*(?P<name>[A-Za-z]\w*).*?\bSTART\s+(?P<first>\d+)\s+END\s+(?P<last>\d+)\b", re.MULTILINE)
_ROW = re.compile(r"^\s*(?P<first>\d{1,2})(?:\s*-\s*(?P<last>\d{1,2}))?\s+(?P<name>[A-Za-z].*?)\s*$")
_PAIRS = re.compile(r"(?<![\w.])(?P<value>-?\d+)\s*=\s*(?P<text>[A-Za-z_][^,;\n=]*)")
_DASHED = re.compile(r"(?:^|[,;\n])\s*(?P<value>-?\d+)\s+-\s+(?P<text>[A-Za-z][^,;\n]*)")
_LISTED = re.compile(r"^\s*(?P<value>-?\d{1,3})\s+(?P<text>[A-Za-z(][^\n]*?)\s*$", re.MULTILINE)
_MOST_CLASSES = 256


def short_name(text: str, taken: Iterable[str] = ()) -> str:
    """Return text as the name of a class: letters, digits, ``-`` and ``_``, unlike those that are taken."""
    plain = re.sub(r"\W+", "_", text.strip().lower(), flags=re.ASCII).strip("_")[:48].strip("_") or "unnamed"
    used, name, number = set(taken), plain, 2
    while name in used:
        name, number = f"{plain}_{number}", number + 1
    return name


def as_classes(pairs: Sequence[tuple[int, str]]) -> tuple[ClassValue, ...]:
    """Return classes of values and texts, by value; the first text of a value counts."""
    known: dict[int, str] = {}
    for value, text in pairs:
        known.setdefault(value, text)
    found: list[ClassValue] = []
    for value in sorted(known):
        text = " ".join(known[value].replace("_", " ").split()) or str(value)
        found.append(ClassValue(value=value, name=short_name(known[value], (c.name for c in found)), description=text))
    return tuple(found)


def as_bitfield(name: str, first: int, last: int, pairs: Sequence[tuple[int, str]], taken: Iterable[str]) -> BitField:
    """Return a bit field; values beyond its bits are left out."""
    length = last - first + 1
    classes = as_classes([(value, text) for value, text in pairs if 0 <= value < 1 << length])
    words = re.sub(r"\s*\[?\(?\d+\s*bit.*$", "", name, flags=re.IGNORECASE).strip(" ;:") or f"bits {first} to {last}"
    return BitField(
        name=short_name(words, taken), description=words, offset=first, length=length, classes=classes,
    )  # fmt: skip


def cf_flags(attributes: Mapping[str, Any]) -> tuple[tuple[ClassValue, ...], tuple[BitField, ...]]:
    """Return classes or bit fields of ``flag_values``, ``flag_masks`` and ``flag_meanings``; none where lists differ.

    Masks with values are bit fields whose classes are the values of each mask.
    """
    meanings = _meanings(attributes.get("flag_meanings"))
    values, masks = _numbers(attributes.get("flag_values")), _numbers(attributes.get("flag_masks"))
    if masks and len(masks) == len(meanings) and (not values or len(values) == len(masks)):
        return (), _masked(masks, values, meanings)
    if values and len(values) == len(meanings):
        return as_classes(list(zip(values, meanings, strict=True))), ()
    return (), ()


def _masked(masks: Sequence[int], values: Sequence[int], meanings: Sequence[str]) -> tuple[BitField, ...]:
    found: list[BitField] = []
    for mask in sorted({mask for mask in masks if mask > 0}):
        first, last = (mask & -mask).bit_length() - 1, mask.bit_length() - 1
        if mask != (1 << (last + 1)) - (1 << first):
            # A mask of bits that are not adjacent sums up others.
            continue
        rows = [number for number, other in enumerate(masks) if other == mask]
        if not values:
            name = meanings[rows[0]]
            pairs = [(0, f"not {name}"), (1, name)] if first == last else []
        else:
            pairs = [(values[row] >> first, meanings[row]) for row in rows]
            name = meanings[rows[-1]]
        found.append(as_bitfield(name.replace("_", " "), first, last, pairs, [field.name for field in found]))
    return _without_overlap(found)


def _without_overlap(fields: Sequence[BitField]) -> tuple[BitField, ...]:
    kept: list[BitField] = []
    for field in sorted(fields, key=lambda entry: (entry.offset, -entry.length)):
        if not kept or field.offset >= kept[-1].offset + kept[-1].length:
            kept.append(field)
    return tuple(kept)


def _meanings(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [str(entry).strip() for entry in value]
    text = str(value or "").strip()
    if "=" in text:
        return [part.partition("=")[2].strip() or part for part in text.split(",")]
    return [part.strip() for part in text.split(",")] if "," in text and " " in text else text.split()


def _numbers(value: Any) -> list[int]:
    """Return whole numbers, also those in a text such as ``1s, 2s, 4s``; empty where one is none."""
    if value is None:
        return []
    if isinstance(value, str):
        return [int(part) for part in _NUMBER.findall(value)]
    listed = value if isinstance(value, (list, tuple)) else [value]
    numbers = [int(entry) for entry in listed if isinstance(entry, (int, float)) and float(entry).is_integer()]
    return numbers if len(numbers) == len(listed) else []


def legends(
    attributes: Mapping[str, Any], name: str, bits: int
) -> tuple[tuple[ClassValue, ...], tuple[BitField, ...], str | None]:
    """Return classes or bit fields of the texts of a field, and the text itself where it could not be read as such.

    Args:
        attributes: Of the field.
        name: Of the field.
        bits: Size of its type.
    """
    texts = [str(attributes[key]) for key in _TEXTS if isinstance(attributes.get(key), str)]
    texts += [
        str(value) for key, value in attributes.items() if key.upper().endswith("_DOC") and name.upper() in key.upper()
    ]
    for text in texts:
        rows = _bit_rows(text) or _start_end(text) or _definitions(text)
        fields = _without_overlap([field for field in rows if field.offset + field.length <= bits])
        if fields:
            return (), fields, None
        classes = as_classes(_class_rows(text))
        if 2 <= len(classes) <= _MOST_CLASSES:
            return classes, (), None
    return (), (), " ".join(texts[0].split()) if texts else None


def _bit_rows(text: str) -> list[BitField]:
    """Read ``[0-1] : NAME [2 bit range]`` with rows ``00: meaning``."""
    if not re.search(r"bit\s*(range|field)", text, re.IGNORECASE):
        return []
    found: list[BitField] = []
    current: tuple[str, int, int] | None = None
    pairs: list[tuple[int, str]] = []

    def close() -> None:
        if current is not None:
            found.append(as_bitfield(*current, pairs, [field.name for field in found]))

    for line in text.splitlines():
        head, row = _RANGE.match(line), _BITS.match(line)
        if head is not None:
            close()
            first = int(head["first"])
            current, pairs = (head["name"], first, int(head["last"] or first)), []
        elif row is not None and current is not None:
            pairs.append((int(row["bits"], 2), row["text"]))
    close()
    return found


def _start_end(text: str) -> list[BitField]:
    """Read ``NAME START 0 END 1 VALIDS 4`` with rows ``NAME 00 = 0 meaning``; bits are binary, numbers decimal."""
    found: list[BitField] = []
    for head in _START.finditer(text):
        name = head["name"]
        form = rf"^\s*{re.escape(name)}\s+(?P<bits>[01]+)\s*=\s*(?:\d+\s+)?(?P<text>\S.*?)\s*$"
        rows = re.finditer(form, text, re.MULTILINE)
        pairs = [(int(entry["bits"], 2), entry["text"].strip("\0 ")) for entry in rows]
        found.append(as_bitfield(name, int(head["first"]), int(head["last"]), pairs, [field.name for field in found]))
    return found


def _definitions(text: str) -> list[BitField]:
    """Read a table of bits and definitions: ``0-2 Cloud Mask`` with rows ``000 --- Undefined``."""
    if not re.search(r"bits?\s+defin", text, re.IGNORECASE):
        return []
    found: list[BitField] = []
    current: tuple[str, int, int] | None = None
    pairs: list[tuple[int, str]] = []
    for line in [*text.splitlines(), "99 end"]:
        row, head = re.match(r"^\s*(?P<bits>[01]+)\s+-{2,}\s*(?P<text>.+?)\s*$", line), _ROW.match(line)
        if row is not None and current is not None:
            pairs.append((int(row["bits"], 2), row["text"]))
        elif head is not None:
            if current is not None:
                found.append(as_bitfield(*current, pairs, [field.name for field in found]))
            first = int(head["first"])
            current, pairs = (head["name"], first, int(head["last"] or first)), []
    return [field for field in found if field.length > 0]


def _class_rows(text: str) -> list[tuple[int, str]]:
    ranks = [(int(m["value"]), m["text"]) for m in map(_RANK.match, text.splitlines()) if m is not None]
    if len(ranks) > 1:
        return ranks
    for pattern in (_PAIRS, _DASHED, _LISTED):
        pairs = [(int(match["value"]), match["text"].strip("\0 .")) for match in pattern.finditer(text)]
        if len(pairs) > 1 and len({value for value, _ in pairs}) == len(pairs):
            return pairs
    return []


def fill_codes(attributes: Mapping[str, Any]) -> tuple[ClassValue, ...]:
    """Return codes within the numbers of a field that a text about fill values lists: ``254 = ... water``."""
    for key, value in attributes.items():
        if isinstance(value, str) and "FILL" in key.upper() and key.upper().endswith("_DOC"):
            rows = re.findall(r"^\s*(\d+)\s*=\s*(.+?)\s*$", value.replace("\0", ""), re.MULTILINE)
            pairs = [
                (int(number), re.sub(r"^land cover assigned as\s+", "", words).strip('" .')) for number, words in rows
            ]
            return as_classes(pairs)
    return ()
