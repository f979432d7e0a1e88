-- Levels a channel shows otherwise than they should be, as of when the level was read: orders placed since are added back,
-- orders the channel counts and its search does not show yet are taken off. Orders on their way are then no difference.
select
    channel_stock_key,
    system,
    location_id,
    facility,
    sku,
    inventory_item_id,
    is_bundle,
    limiting_sku,
    physical_qty,
    allocated_qty,
    ordered_unallocated_qty,
    buffer_qty,
    (expected_qty + newer_qty - unseen_qty)::bigint as expected_qty,
    coalesce(channel_qty, 0)::bigint as channel_qty,
    verified_qty,
    verified_at,
    stock_changed_at,
    channel_updated_at,
    price_amount,
    currency,
    url
from {{ ref('channel_levels') }}
where
    is_known
    and hold_reason is null
    and coalesce(channel_qty, 0) <> greatest(0, expected_qty + newer_qty - unseen_qty)
    and (is_stocked_there or (is_missing and expected_qty > 0))
