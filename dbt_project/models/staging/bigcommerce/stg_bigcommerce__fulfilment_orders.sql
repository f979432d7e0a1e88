-- What an order sends to one of its addresses stands for a fulfilment order, and the address's id for its id: a shipment
-- is made for one address.
with consignments as (
    select
        system,
        id as order_id,
        status_id,
        date_created,
        date_modified,
        unnest(consignments.shipping) as c
    from {{ source('bigcommerce', 'orders') }}
    where status_id <> 0 and _gone_at is null
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
    o.system || ':' || o.c.id as fulfilment_order_key,
    o.system,
    o.c.id::varchar as fulfilment_order_id,
    o.system || ':' || o.order_id as order_key,
    h.location_id,
    case
        when o.status_id in (5, 6) then 'cancelled'
        when o.status_id in (2, 10) then 'closed'
        when o.status_id in (9, 11) then 'open'
        when o.status_id = 3 then 'in_progress'
        -- to be shipped are those awaiting it, and what is left of a part; the rest waits for a person or for money
        when o.status_id in (1, 7, 8, 12, 13) then 'on_hold'
        -- given back, in part or whole, before or after it left: its lines say what is still to be sent
        when o.status_id in (4, 14) then 'incomplete'
        else 'unknown'
    end as status_code,
    try_strptime(nullif(o.date_created, ''), '%a, %d %b %Y %H:%M:%S %z') as created_at,
    try_strptime(nullif(o.date_modified, ''), '%a, %d %b %Y %H:%M:%S %z') as updated_at
from consignments as o
left join homes as h on h.system = o.system
