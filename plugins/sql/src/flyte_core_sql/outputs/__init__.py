"""What becomes of a query's result: the outputs that the task declares, checked and exact."""

from __future__ import annotations

from flyte_core_sql.outputs.plan import OutputPlan, check_outputs

__all__ = ["OutputPlan", "check_outputs"]
