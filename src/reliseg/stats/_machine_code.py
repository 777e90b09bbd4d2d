"""Machine code on disk, that no state of the disk can turn into an error."""

from contextlib import suppress
from typing import Any

from numba.core.caching import FunctionCache


class KeptCode(FunctionCache):  # type: ignore[misc]
    """numba's cache of a function. What cannot be read is compiled anew, what cannot be written is not kept.

    Else a file that was cut off, by a power failure or a full disk, would end every run from then on.
    """

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The code for these types, or None."""
        try:
            return super().load_overload(signature, context)
        except Exception:  # pickle raises anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep it, where there is room."""
        with suppress(OSError):
            super().save_overload(signature, data)
