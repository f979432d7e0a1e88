-- What can be set is what the store has on hand, of which it takes a safety stock of its own off by itself before it sells:
-- that figure is compared and set. Orders have left it already. The item is named as it must be named to set it: by its
-- product or its variant, as its stock is tracked; where the variants of a product share one level, no item has it.
with variants as (
    select
        system,
        product_id,
        count(*) as variants_qty
    from {{ source('bigcommerce', 'variants') }}
    where _gone_at is null
    group by system, product_id
),

levels as (
    select
        system,
        identity,
        _read_at,
        unnest(locations) as place
    from {{ source('bigcommerce', 'stock') }}
    where _gone_at is null
),

named as (
    select
        l.*,
        case
            when p.inventory_tracking = 'product' and v.variants_qty = 1 then 'product_id=' || l.identity.product_id
            when p.inventory_tracking = 'product' then 'shared=' || l.identity.variant_id
            else 'variant_id=' || l.identity.variant_id
        end as item_id
    from levels as l
    left join {{ source('bigcommerce', 'products') }} as p on p.system = l.system and p.id = l.identity.product_id
    left join variants as v on v.system = l.system and v.product_id = l.identity.product_id
)

select
    l.system || ':' || l.item_id || ':' || l.place.location_id as channel_stock_key,
    l.system,
    l.place.location_id::varchar as location_id,
    case when trim(l.identity.sku) <> '' then l.identity.sku end as sku,
    l.item_id,
    l.place.total_inventory_onhand as available_qty,
    null::bigint as committed_qty,
    l.place.total_inventory_onhand as on_hand_qty,
    null::timestamptz as updated_at,
    l._read_at as read_at,
    coalesce(l.place.location_enabled, true) as is_active
from named as l
