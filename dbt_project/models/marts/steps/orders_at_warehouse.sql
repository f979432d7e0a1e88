-- Warehouse orders something can still go wrong with: unfinished, of a watched order, short of a line, or changed lately.
-- The years behind them are looked at by no rule but the one that counts references.
select
    warehouse_order_key,
    system,
    warehouse_order_id,
    reference,
    order_key,
    status_code,
    status_raw,
    created_at,
    updated_at,
    shipped_at,
    cancelled_at,
    gone_at,
    first_seen_at,
    is_past_no_return,
    delivery_method_id,
    currency,
    total_amount,
    url
from {{ ref('warehouse_orders') }}
where
    status_code in ('awaiting_payment', 'awaiting_stock', 'on_hold', 'released', 'picking', 'unknown')
    or updated_at > {{ as_of() }} - to_days({{ var('edit_days') }})
    or gone_at > {{ as_of() }} - to_days({{ var('edit_days') }})
    or order_key in (select order_key from {{ ref('watched_orders') }})
    or warehouse_order_key in (select warehouse_order_key from {{ ref('short_lines') }})
