with fulfilments as (
    select
        system,
        split_part(id, '/', -1) as order_id,
        unnest(fulfillments) as f
    from {{ source('shopify', 'orders') }}
)

select
    o.system || ':' || split_part(o.f.id, '/', -1) as fulfilment_key,
    o.system,
    split_part(o.f.id, '/', -1) as fulfilment_id,
    o.system || ':' || o.order_id as order_key,
    split_part(o.f.location.id, '/', -1) as location_id,
    case o.f.status
        when 'SUCCESS' then 'success'
        when 'CANCELLED' then 'cancelled'
        when 'ERROR' then 'failed'
        when 'FAILURE' then 'failed'
        when 'OPEN' then 'pending'
        when 'PENDING' then 'pending'
        else 'unknown'
    end as status_code,
    o.f.createdAt as created_at,
    o.f.updatedAt as updated_at,
    list_filter(
        list_transform(o.f.trackingInfo, lambda t: nullif(trim(t.company), '')), lambda c: c is not null
    )[1] as carrier,
    coalesce(
        list_filter(list_transform(o.f.trackingInfo, lambda t: nullif(trim(t.number), '')), lambda n: n is not null), []
    ) as tracking_numbers,
    o.f.inTransitAt as first_scan_at,
    o.f.deliveredAt as delivered_at,
    s.admin_url || '/orders/' || o.order_id as url
from fulfilments as o
left join {{ source('estate', 'systems') }} as s on s.system = o.system
