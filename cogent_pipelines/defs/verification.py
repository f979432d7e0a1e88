"""Verification: what was sent is read back until the target says so. One asset per sync, one step for all.

Belongs here: running the outbox's look-ups of what is sent or in doubt.
Does not belong here: what counts as done (the vendors' ``Write`` declarations).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from cogent_pipelines.defs.delivery import metadata
from cogent_pipelines.defs.outbox import syncs
from cogent_pipelines.defs.resources import Retailer
from cogent_pipelines.estate import Estate
from cogent_pipelines.outbox.syncs import SYNCS
from cogent_pipelines.outbox.verify import verify


def assets(estate: Estate) -> dg.AssetsDefinition:
    """``verification/<sync>`` for every sync of the estate."""
    specs = [
        dg.AssetSpec(
            ["verification", name],
            deps=[dg.AssetKey(["delivery", name])],
            group_name="verification",
            owners=[f"team:{SYNCS[name].owner}"],
            kinds={"https"},
            description=f"What {name} sent, read back from the target: only that closes an operation.",
        )
        for name in syncs(estate)
    ]

    @dg.multi_asset(specs=specs, can_subset=True, name="verify")
    def verified(
        context: dg.AssetExecutionContext, retailer: Retailer
    ) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = [key.path[-1] for key in context.selected_asset_keys]
        estate_now = retailer.estate()
        with retailer.ledger() as ledger, retailer.clients(ledger) as clients:
            report = verify(ledger, estate_now, clients, by=f"run {context.run_id}")
            shown = metadata(ledger, estate_now, [report])
        for name in chosen:
            yield dg.MaterializeResult(asset_key=["verification", name], metadata=shown[name])

    return verified
