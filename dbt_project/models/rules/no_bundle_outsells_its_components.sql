-- Bundles a channel sells more of than the shelf can make up.
with candidates as (
    select
        d.channel_stock_key as exception_key,
        'stale_parent' as cause,
        d.system,
        d.inventory_item_id as entity_key,
        coalesce(m.since_at, {{ as_of() }}) as since_at,
        (d.channel_qty - greatest(0, d.expected_qty)) * d.price_amount as amount,
        d.currency,
        d.sku || ' at ' || coalesce(d.facility, d.location_id) || ': shows ' || d.channel_qty || ', '
        || d.limiting_sku || ' makes ' || greatest(0, d.expected_qty) as detail,
        d.url,
        null::timestamptz as ended_at,
        d.facility
    from {{ ref('level_differences') }} as d
    left join {{ source('ops', 'first_seen') }} as m
        on m.relation = 'level_differences' and m.row_key = d.channel_stock_key
    where d.is_bundle and d.channel_qty > d.expected_qty
),

{{ when_due('candidates') }}
