"""Public buckets at Amazon: lists and small texts without a login, and the addresses of objects over HTTPS."""

from __future__ import annotations

from urllib.parse import quote

from stacaster.errors import NothingFoundError, SearchError, StacasterError
from stacaster.network.http import RetryPolicy
from stacaster.network.objects.buckets import BucketObjects, Trouble
from stacaster.network.transport import PassingTrouble, persist

_REGION = "us-east-1"


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
        self._objects = BucketObjects(
            f"s3://{name}", is_retried=False, explain=self._meaning, endpoint=self._base, skip_signature=True,
            virtual_hosted_style_request=True, region=region or _REGION,
        )  # fmt: skip

    def address(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self._base}/{quote(key)}"

    def sizes(self, prefix: str, *, after: str = "") -> list[tuple[str, int]]:
        """Return name and size in bytes of the objects whose names begin so, in order.

        Args:
            prefix: Beginning of the names.
            after: Names up to this one are left out.

        Raises:
            SearchError: The bucket does not answer, or not with a list.
        """
        try:
            return persist(
                lambda: list(self._objects.sizes_below(prefix, after=after)),
                self._base, policy=self._policy, error=SearchError,
            )  # fmt: skip
        except NothingFoundError as error:
            raise SearchError(f"the bucket {self._name} does not exist", href=self._base) from error

    def text(self, key: str) -> str | None:
        """Return a small text object; None when there is none.

        Raises:
            SearchError: The bucket does not answer.
        """
        try:
            content = persist(
                lambda: self._objects.read(key), self.address(key), policy=self._policy, error=SearchError
            )
        except NothingFoundError:
            return None
        text = content.decode("utf-8", errors="replace")
        if text.lstrip()[:1] == "<":
            raise SearchError(f"{key} of the bucket {self._name} came as something else", href=self.address(key))
        return text

    def _meaning(self, trouble: Trouble, key: str) -> PassingTrouble | StacasterError:
        what = f"{key or 'the list'} of the bucket {self._name}"
        if trouble.reason == "other":
            return PassingTrouble(f"{what} cannot be read ({trouble.code}: {trouble.text})", {})
        if trouble.reason in ("missing", "no bucket"):
            return NothingFoundError(f"the bucket {self._name} has no {key}")
        return SearchError(f"{what} is refused ({trouble.code})", href=self.address(key))
