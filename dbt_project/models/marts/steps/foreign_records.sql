-- Orders of an account we share that are another brand's: by their channel where they tell it, else by their SKUs. What a
-- warehouse has and tells neither of is foreign where its reference is the number of a foreign order and of none of ours.
with told as (
    select
        r.record_key,
        r.system,
        r.is_sold,
        r.reference,
        not coalesce({{ is_our_channel('r.system', 'r.channel_id') }}, l.has_our_sku) as is_foreign
    from {{ ref('scoped_records') }} as r
    left join {{ ref('scoped_lines') }} as l on l.record_key = r.record_key
),

sold as (
    select
        reference,
        bool_and(coalesce(is_foreign, false)) as is_foreign
    from told
    where is_sold and reference is not null
    group by reference
)

select
    t.record_key,
    t.system,
    t.is_sold,
    t.reference
from told as t
left join sold as s on s.reference = t.reference and not t.is_sold
where coalesce(t.is_foreign, s.is_foreign, false)
