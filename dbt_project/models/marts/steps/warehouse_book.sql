-- Warehouse orders as rules read them, made once each like the order book. Which channel order one is for is found later:
-- that may change without it.
select
    warehouse_order_key,
    system,
    warehouse_order_id,
    reference,
    {{ base_reference('reference') }} as base_reference,
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
    ship_to_name,
    ship_to_line1,
    ship_to_line2,
    ship_to_city,
    ship_to_postcode,
    ship_to_country_code,
    currency,
    total_amount,
    url,
    greatest(read_at, gone_at) as stamped_at
from {{ ref('warehouse_records') }}
