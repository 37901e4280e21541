"""What every model is: strict, frozen, and built when it is first needed, since a run needs few of them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import SchemaError


class DeferredModel(BaseModel):
    """A model that Ctrl-C interrupts like anything else while it is built."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @classmethod
    def model_rebuild(cls, **how: Any) -> bool | None:
        """As pydantic does, which calls this when the model is first needed.

        Raises:
            KeyboardInterrupt: where Ctrl-C comes meanwhile.
        """
        how["_parent_namespace_depth"] = how.get("_parent_namespace_depth", 2) + 1  # this is one frame more
        try:
            return super().model_rebuild(**how)
        except SchemaError as error:  # pydantic's own for whatever interrupts it there
            if KeyboardInterrupt.__name__ in str(error):
                raise KeyboardInterrupt from None
            raise
