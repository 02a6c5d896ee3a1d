"""Public buckets at Amazon over plain HTTPS: lists and addresses, without a login."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree import ElementTree as ET

from stacaster.errors import SearchError
from stacaster.network.http import RetryPolicy, new_session, request


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One object."""

    key: str
    """Its name."""
    size: int
    """Bytes."""


class PublicBucket:
    """A bucket that anyone may list and read.

    Args:
        name: Of the bucket.
        region: Of the bucket; None for the global address.
        policy: Attempts and time of each question.
    """

    def __init__(self, name: str, *, region: str | None = None, policy: RetryPolicy | None = None) -> None:
        self._name, self._policy = name, policy
        self._base = f"https://{name}.s3{f'.{region}' if region else ''}.amazonaws.com"
        self._session = new_session()

    def address(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self._base}/{quote(key)}"

    def entries(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects whose names begin so, in order.

        Args:
            prefix: Beginning of the names.
            after: Names up to this one are left out.

        Raises:
            SearchError: The bucket does not answer, or not with a list.
        """
        what, token = f"the bucket {self._name}", ""
        while True:
            parameters = {"list-type": "2", "prefix": prefix}
            parameters |= {"continuation-token": token} if token else {"start-after": after} if after else {}
            answer = request(
                self._session, "GET", f"{self._base}/", what=what, policy=self._policy, params=parameters,
                allow_redirects=False,
            )  # fmt: skip
            root = _parsed(answer.content, what)
            yield from (_entry(part, what) for part in root.iter() if part.tag.endswith("}Contents"))
            following = next(
                (part.text or "" for part in root.iter() if part.tag.endswith("}NextContinuationToken")), ""
            )
            if not following:
                return
            if following == token:
                raise SearchError(f"{what} gives the same page again and again; try again later")
            token = following

    def text(self, key: str) -> str | None:
        """Return a small text object; None when there is none.

        Raises:
            SearchError: The bucket does not answer.
        """
        what = f"{key} of the bucket {self._name}"
        answer = request(
            self._session,
            "GET",
            self.address(key),
            what=what,
            policy=self._policy,
            passed=(404,),
            allow_redirects=False,
        )
        if answer.status_code == 404:
            return None
        if answer.status_code != 200 or answer.text.lstrip()[:1] == "<":
            raise SearchError(f"{what} came as something else (status {answer.status_code})")
        return answer.text


def _parsed(content: bytes, what: str) -> ET.Element:
    try:
        text = content.decode("utf-8")
        root = ET.fromstring(text if "<!ENTITY" not in text else "")  # noqa: S314 - no entity is defined
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise SearchError(f"{what} did not answer with a list, or the answer was cut: {error}") from error
    if not root.tag.endswith("}ListBucketResult"):
        raise SearchError(f"{what} did not answer with a list but with {root.tag.rpartition('}')[2]}")
    return root


def _entry(part: ET.Element, what: str) -> Entry:
    values = {child.tag.rpartition("}")[2]: child.text or "" for child in part}
    try:
        return Entry(key=values["Key"], size=int(values["Size"]))
    except (KeyError, ValueError) as error:
        raise SearchError(f"{what} lists an object without name or size") from error
