-- Parcels a customer cannot follow: no number, no carrier, or a carrier the channel has no name for.
with suspect as (
    select *
    from {{ ref('parcels') }} as s
    where
        s.order_key is not null
        and (
            s.number is null
            or not exists (
                select 1
                from {{ ref('carriers') }} as k
                where k.warehouse_system = s.system and k.carrier = s.carrier
            )
            or (select count(*) from {{ source('estate', 'channels') }}) > 1
        )
),

candidates as (
    select
        s.shipment_key as exception_key,
        case
            when s.number is null then 'no_tracking'
            when s.carrier is null then 'no_carrier'
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
    from suspect as s
    inner join {{ ref('order_book') }} as o on o.order_key = s.order_key
    left join {{ ref('carriers') }} as k
        on k.warehouse_system = s.system and k.carrier = s.carrier and k.channel_system = o.system
    where s.number is null or k.channel_carrier is null
),

{{ when_due('candidates') }}
