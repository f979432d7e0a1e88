-- More units ordered than a facility has: the customers who ordered last will not be served.
with candidates as (
    select
        a.facility || ':' || a.sku as exception_key,
        'oversold' as cause,
        a.system,
        a.facility || ':' || a.sku as entity_key,
        coalesce(a.changed_at, a.updated_at, a.read_at) as since_at,
        -a.free_qty * p.price_amount as amount,
        p.currency,
        a.sku || ' at ' || a.facility || ': available ' || a.available_qty || ', ordered and not allocated '
        || a.ordered_unallocated_qty || ', short ' || -a.free_qty as detail,
        w.url,
        null::timestamptz as ended_at,
        a.facility
    from {{ ref('availability') }} as a
    left join (
        select
            sku,
            max(price_amount) as price_amount,
            max(currency) as currency
        from {{ ref('items') }}
        where role = 'channel'
        group by sku
        having count(distinct currency) <= 1
    ) as p on p.sku = a.sku
    left join (
        select
            system,
            sku,
            min(url) as url
        from {{ ref('items') }}
        where role = 'warehouse'
        group by system, sku
    ) as w on w.system = a.system and w.sku = a.sku
    where a.free_qty < 0 and a.entries_qty > 0 and a.available_qty is not null
),

{{ when_due('candidates') }}
