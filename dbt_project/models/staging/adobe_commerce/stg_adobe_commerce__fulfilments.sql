-- A shipment cannot be cancelled in the shop, and scans are not in it.
select
    f.system || ':' || f.entity_id as fulfilment_key,
    f.system,
    f.entity_id::varchar as fulfilment_id,
    f.system || ':' || f.order_id as order_key,
    nullif(trim(f.extension_attributes.source_code), '') as location_id,
    'success' as status_code,
    timezone('UTC', f.created_at) as created_at,
    timezone('UTC', f.updated_at) as updated_at,
    list_filter(list_transform(f.tracks, lambda t: nullif(trim(t.title), '')), lambda c: c is not null)[1] as carrier,
    coalesce(
        list_filter(list_transform(f.tracks, lambda t: nullif(trim(t.track_number), '')), lambda n: n is not null), []
    ) as tracking_numbers,
    null::timestamptz as first_scan_at,
    null::timestamptz as delivered_at,
    s.admin_url || '/sales/order/view/order_id/' || f.order_id as url
from {{ source('adobe_commerce', 'shipments') }} as f
left join {{ source('estate', 'systems') }} as s on s.system = f.system
where f._gone_at is null
