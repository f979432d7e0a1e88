-- A party that buys: suppliers are parties too, so only those that orders were made for. The shop's id of a customer goes in
-- with an order and cannot be read back, so there is none to tell two of them apart by.
with mails as (
    select
        system,
        party,
        list(distinct lower(trim(value)) order by lower(trim(value))) as emails
    from {{ source('fulfil', 'contacts') }}
    where type = 'email' and trim(value) <> '' and _gone_at is null
    group by system, party
)

select
    c.system || ':' || c.id as customer_key,
    c.system,
    c.id::varchar as customer_id,
    null::varchar as external_id,
    coalesce(m.emails, []) as emails,
    c.create_date.iso_string at time zone 'UTC' as created_at,
    null::varchar as url,
    c._gone_at as gone_at
from {{ source('fulfil', 'customers') }} as c
left join mails as m on m.system = c.system and m.party = c.id
where (c.system, c.id) in (select (o.system, o.party) from {{ source('fulfil', 'orders') }} as o)
