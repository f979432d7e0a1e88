"""The reports are tested over one small retailer's folder."""

from __future__ import annotations

from cogent_pipelines_tests.reports.fixtures import kept, made_once

__all__ = ["kept", "made_once"]
