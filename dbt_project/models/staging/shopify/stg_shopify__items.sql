-- A variant is an item. A product's title and state change without its variants' updatedAt: they come from the product.
-- A variant's price is in the shop's currency, which its orders name.
with shops as (
    select
        system,
        any_value(currencyCode) as currency
    from {{ source('shopify', 'orders') }}
    group by system
)

select
    v.system || ':' || split_part(v.id, '/', -1) as item_key,
    v.system,
    split_part(v.id, '/', -1) as item_id,
    split_part(v.inventoryItem.id, '/', -1) as inventory_item_id,
    split_part(v.product.id, '/', -1) as product_id,
    case when trim(v.sku) <> '' then v.sku end as sku,
    coalesce(
        nullif(trim(p.title), '')
        || case when trim(v.title) in ('', 'Default Title', trim(p.title)) then '' else coalesce(' - ' || trim(v.title), '') end,
        nullif(trim(v.displayName), '')
    ) as title,
    nullif(trim(v.barcode), '') as barcode,
    nullif(round(
        v.inventoryItem.measurement.weight.value * case v.inventoryItem.measurement.weight.unit
            when 'GRAMS' then 1
            when 'KILOGRAMS' then 1000
            when 'OUNCES' then 28.349523125
            when 'POUNDS' then 453.59237
        end
    ), 0)::bigint as weight_grams,
    nullif(trim(v.inventoryItem.countryCodeOfOrigin), '') as origin_country_code,
    nullif(trim(v.inventoryItem.harmonizedSystemCode), '') as hs_code,
    v.price::decimal(18, 4) as price_amount,
    shops.currency,
    coalesce(p.status, v.product.status) = 'ACTIVE' and v._gone_at is null as is_active,
    coalesce(v.inventoryItem.tracked, true) as is_tracked,
    greatest(v.updatedAt, p.updatedAt) as updated_at,
    s.admin_url || '/products/' || split_part(v.product.id, '/', -1) || '/variants/' || split_part(v.id, '/', -1) as url
from {{ source('shopify', 'variants') }} as v
left join {{ source('shopify', 'products') }} as p on p.system = v.system and p.id = v.product.id
left join shops on shops.system = v.system
left join {{ source('estate', 'systems') }} as s on s.system = v.system
