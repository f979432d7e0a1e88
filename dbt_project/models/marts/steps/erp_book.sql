-- Orders of systems that keep books and run no facility, made once each like the warehouse book.
select
    erp_order_key,
    system,
    reference,
    base_reference,
    status_code,
    status_raw,
    created_at,
    updated_at,
    gone_at,
    first_seen_at,
    currency,
    total_amount,
    url,
    stamped_at
from (
    select
        *,
        warehouse_order_key as erp_order_key,
        {{ base_reference('reference') }} as base_reference,
        greatest(read_at, gone_at) as stamped_at
    from {{ ref('erp_records') }}
)
