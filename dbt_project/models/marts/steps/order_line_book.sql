-- Lines of channel orders as rules read them, made once each with their order's row in the order book.
select
    order_line_key,
    order_key,
    system,
    line_id,
    sku,
    ordered_qty,
    current_qty,
    currency,
    unit_price_amount,
    discount_amount,
    tax_amount,
    tax_rate,
    tax_code,
    coalesce(requires_shipping, true) as requires_shipping,
    read_at
from {{ ref('order_lines') }}
