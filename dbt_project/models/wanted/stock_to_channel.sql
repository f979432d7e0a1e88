-- Levels that differ from what can be sold. A decrease goes at once. An increase goes as far as the lowest reading of the
-- waiting interval allows, and only while stock and orders of both sides have been read whole within it.
with readings as (
    select
        f.system,
        bool_and(coalesce(
            p.started_at >= {{ as_of() }} - greatest(
                {{ setting_seconds('stock_increase_interval_s') }}, to_seconds({{ var('feed_patience') }} * f.seconds)
            ),
            false
        )) as is_fresh
    from {{ source('estate', 'feeds') }} as f
    left join (
        select
            system,
            stream,
            max(started_at) as started_at
        from {{ source('ops', 'pulls') }}
        where is_complete and kind in ('full', 'increment', 'bulk')
        group by system, stream
    ) as p on p.system = f.system and p.stream = f.stream
    where f.entity in ('orders', 'stock')
    group by f.system
),

judged as (
    select
        l.*,
        f.warehouse_system,
        l.is_stocked_there and l.expected_qty < l.channel_qty - l.newer_qty as is_decrease,
        case
            when l.is_stocked_there and l.expected_qty < l.channel_qty - l.newer_qty then l.expected_qty
            when c.is_fresh and w.is_fresh and l.settled_qty > case when l.is_stocked_there then l.channel_qty else 0 end
                then l.settled_qty
        end as quantity
    from {{ ref('channel_levels') }} as l
    left join {{ ref('facilities') }} as f on f.facility = l.facility
    left join readings as c on c.system = l.system
    left join readings as w on w.system = f.warehouse_system
    where l.is_known and (l.is_stocked_there or l.is_missing)
)

select
    system,
    warehouse_system as source_system,
    case when is_stocked_there then 'set' else 'activate' end as act,
    channel_stock_key as business_key,
    sku as reference,
    null::varchar as order_key,
    greatest(stock_changed_at, channel_updated_at) as since_at,
    case when hold_reason is not null then 'stock_hold' end as held_by,
    case when is_decrease then 10 else 50 end::integer as priority,
    null::decimal(18, 4) as amount,
    currency,
    location_id,
    inventory_item_id,
    sku,
    quantity,
    channel_qty as change_from,
    physical_qty,
    allocated_qty,
    ordered_unallocated_qty,
    buffer_qty,
    committed_qty,
    is_decrease
from judged
where quantity is not null
