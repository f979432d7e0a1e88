-- Parcels a customer cannot follow: no number, no carrier, or a carrier the channel has no name for.
with candidates as (
    select
        s.shipment_key as exception_key,
        case
            when coalesce(trim(s.tracking_number), '') = '' then 'no_tracking'
            when coalesce(trim(s.carrier), '') = '' then 'no_carrier'
            else 'unmapped_carrier'
        end as cause,
        s.system,
        s.order_key as entity_key,
        s.despatched_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        o.order_name || ': parcel ' || s.shipment_id || coalesce(' by ' || s.carrier, '') as detail,
        s.url,
        null::timestamptz as ended_at,
        s.facility
    from {{ ref('shipments') }} as s
    inner join {{ ref('orders') }} as o on o.order_key = s.order_key
    left join {{ ref('carriers') }} as k
        on k.warehouse_system = s.system and k.carrier = s.carrier and k.channel_system = o.system
    where
        s.despatched_at is not null
        and (coalesce(trim(s.tracking_number), '') = '' or k.channel_carrier is null)
),

{{ when_due('candidates') }}
