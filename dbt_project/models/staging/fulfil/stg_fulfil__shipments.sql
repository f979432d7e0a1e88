-- A parcel is a shipment that is done. Whether a tracking number is text or a pointer to a record is not documented: text
-- is taken, a pointer (a number, or `model,id`) is not a number anybody can track. Sent is known by the day; the last
-- writing narrows it where it was on that day.
with parts as (
    select
        system,
        id as order_id,
        unnest(shipments) as shipment_id
    from {{ source('fulfil', 'orders') }}
),

numbered as (
    select
        *,
        case json_type(tracking_number)
            when 'VARCHAR' then nullif(trim(tracking_number ->> '$'), '')
            when 'OBJECT' then nullif(trim(tracking_number ->> '$.rec_name'), '')
        end as number_text
    from {{ source('fulfil', 'shipments') }}
    where state = 'done' and _gone_at is null
)

select
    s.system || ':' || s.id as shipment_key,
    s.system,
    s.id::varchar as shipment_id,
    p.system || ':' || p.order_id as warehouse_order_key,
    s.id::varchar as allocation_id,
    s.warehouse::varchar as facility_id,
    nullif(trim(s."carrier.rec_name"), '') as carrier,
    null::varchar as service,
    case when not regexp_full_match(s.number_text, '[a-z_]+(\.[a-z_]+)+,[0-9]+') then s.number_text end as tracking_number,
    null::varchar as tracking_url,
    coalesce(
        least(
            greatest(s.write_date.iso_string, s.effective_date.iso_string), s.effective_date.iso_string + interval 1 day
        ),
        s.write_date.iso_string,
        s.create_date.iso_string
    ) at time zone 'UTC' as despatched_at,
    null::timestamptz as first_scan_at,
    null::timestamptz as delivered_at,
    null::varchar as url
from parts as p
inner join numbered as s on s.system = p.system and s.id = p.shipment_id
