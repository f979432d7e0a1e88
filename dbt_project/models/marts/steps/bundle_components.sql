-- A bundle down to what a shelf holds: a component that is a bundle itself is taken apart, and one that comes in twice
-- is counted once with its sum. Ten levels are more than a retailer has; a bundle that contains itself ends there.
with recursive parts as (
    select
        parent_sku,
        component_sku,
        qty,
        1 as depth
    from {{ ref('bundles') }}
    union all
    select
        p.parent_sku,
        b.component_sku,
        p.qty * b.qty,
        p.depth + 1
    from parts as p
    inner join {{ ref('bundles') }} as b on b.parent_sku = p.component_sku
    where p.depth < 10
)

select
    p.parent_sku,
    p.component_sku,
    sum(p.qty)::bigint as qty
from parts as p
where p.component_sku not in (select parent_sku from {{ ref('bundles') }})
group by p.parent_sku, p.component_sku
