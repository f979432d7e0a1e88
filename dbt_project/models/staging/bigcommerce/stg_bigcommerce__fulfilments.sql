-- A shipment stands until it is deleted, and then it is not in its order. Carriers' scans do not come here.
with shipments as (
    select
        system,
        id as order_id,
        unnest(shipments) as f
    from {{ source('bigcommerce', 'orders') }}
    where status_id <> 0
),

-- An order names no location: it is taken from the store's default one, the first (INFERRED), and from where its facilities
-- send it is the estate's routing.
homes as (
    select
        system,
        min(id)::varchar as location_id
    from {{ source('bigcommerce', 'locations') }}
    where coalesce(enabled, true) and _gone_at is null
    group by system
)

select
    o.system || ':' || o.f.id as fulfilment_key,
    o.system,
    o.f.id::varchar as fulfilment_id,
    o.system || ':' || o.order_id as order_key,
    h.location_id,
    'success' as status_code,
    try_strptime(nullif(o.f.date_created, ''), '%a, %d %b %Y %H:%M:%S %z') as created_at,
    try_strptime(nullif(o.f.date_created, ''), '%a, %d %b %Y %H:%M:%S %z') as updated_at,
    coalesce(nullif(trim(o.f.shipping_provider), ''), nullif(trim(o.f.tracking_carrier), '')) as carrier,
    list_concat(
        case when trim(o.f.tracking_number) <> '' then [trim(o.f.tracking_number)] else [] end::varchar[],
        -- A shipment holds one number: those of earlier parcels that held a part of its bundle stand in our comments.
        case when o.f.comments like 'our ref %' then regexp_extract_all(o.f.comments, '; also in parcel ([^;]+)', 1) else [] end
    ) as tracking_numbers,
    null::timestamptz as first_scan_at,
    null::timestamptz as delivered_at,
    s.admin_url || '/manage/orders/' || o.order_id as url
from shipments as o
left join homes as h on h.system = o.system
left join {{ source('estate', 'systems') }} as s on s.system = o.system
