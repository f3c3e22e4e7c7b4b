"""How long people took: the median, the total, and the times that are no work, such as a page left open overnight."""

from collections.abc import Sequence
from statistics import median, quantiles

from labeling.core.value import Value

FEWEST = 5  # times of somebody, below which none can be told to be an outlier


class Times(Value):
    """The times of some annotations.

    Attributes:
        number: How many annotations say how long they took; outliers included.
        median: The median in seconds, outliers included; None without a time.
        total: The sum in seconds, without outliers.
        limit: Seconds beyond which a time is an outlier; None where there are too few to tell.
    """

    number: int = 0
    median: float | None = None
    total: float = 0.0
    limit: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """The times of these annotations, in seconds.

        A time is an outlier beyond Tukey's outer fence, the third quartile and three times the distance between the
        quartiles, if it is also twice the third quartile (Tukey, Exploratory Data Analysis, 1977, chapter 2).

        >>> Times.of([60, 65, 70, 75, 80, 4000])
        Times(number=6, median=72.5, total=350.0, limit=157.5)
        """
        if not seconds:
            return cls()
        limit = None
        if len(seconds) >= FEWEST:
            first, _, third = quantiles(seconds, n=4, method="inclusive")
            limit = max(third + 3 * (third - first), 2 * third)
        usual = [one for one in seconds if limit is None or one <= limit]
        return cls(number=len(seconds), median=median(seconds), total=float(sum(usual)), limit=limit)
