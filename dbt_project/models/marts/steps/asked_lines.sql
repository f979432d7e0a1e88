-- What channels still ask their locations to send, line by line.
select
    fo.order_key,
    fo.system,
    fol.order_line_key,
    fol.location_id,
    max(fol.sku) as sku,
    sum(fol.remaining_qty)::bigint as remaining_qty,
    bool_or(fo.status_code = 'on_hold') as is_on_hold,
    bool_or(fo.status_code = 'scheduled') as is_scheduled
from {{ ref('fulfilment_order_lines') }} as fol
inner join {{ ref('fulfilment_orders') }} as fo on fo.fulfilment_order_key = fol.fulfilment_order_key
where fol.remaining_qty > 0 and fo.status_code in ('open', 'in_progress', 'incomplete', 'on_hold', 'scheduled')
group by fo.order_key, fo.system, fol.order_line_key, fol.location_id
