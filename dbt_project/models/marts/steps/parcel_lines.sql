-- What the parcels of live orders hold.
select
    l.shipment_key,
    p.order_key,
    l.sku,
    sum(l.qty)::bigint as qty
from {{ ref('shipment_lines') }} as l
inner join {{ ref('parcels') }} as p on p.shipment_key = l.shipment_key
where p.order_key is not null
group by l.shipment_key, p.order_key, l.sku
