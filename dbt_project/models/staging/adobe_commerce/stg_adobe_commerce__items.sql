-- What is sold and stocked by itself: a configurable, a bundle or a group has no stock of its own. Stock goes by SKU, so
-- the SKU is the inventory item. Which attribute holds a barcode or a tariff number is the shop's own choice of name.
with shops as (
    select
        system,
        case when count(distinct base_currency_code) = 1 then min(base_currency_code) end as currency,
        case when count(distinct weight_unit) = 1 then min(weight_unit) end as weight_unit
    from {{ source('adobe_commerce', 'store_configs') }}
    where _gone_at is null
    group by system
),

products as (
    select
        *,
        list_filter(custom_attributes, lambda a: a.attribute_code in ('barcode', 'ean', 'gtin', 'upc')) as barcodes,
        list_filter(custom_attributes, lambda a: a.attribute_code in ('hs_code', 'tariff_code', 'commodity_code')) as codes,
        list_filter(custom_attributes, lambda a: a.attribute_code = 'country_of_manufacture') as origins
    from {{ source('adobe_commerce', 'products') }}
)

select
    p.system || ':' || p.id as item_key,
    p.system,
    p.id::varchar as item_id,
    p.sku as inventory_item_id,
    p.id::varchar as product_id,
    case when trim(p.sku) <> '' then p.sku end as sku,
    nullif(trim(p.name), '') as title,
    nullif(trim(p.barcodes[1].value ->> '$'), '') as barcode,
    nullif(round(p.weight * case s.weight_unit when 'kgs' then 1000 when 'lbs' then 453.59237 end), 0)::bigint as weight_grams,
    nullif(trim(p.origins[1].value ->> '$'), '') as origin_country_code,
    nullif(trim(p.codes[1].value ->> '$'), '') as hs_code,
    p.price::decimal(18, 4) as price_amount,
    s.currency,
    p.status = 1 and p._gone_at is null as is_active,
    p.type_id = 'simple' as is_tracked,
    timezone('UTC', p.updated_at) as updated_at,
    e.admin_url || '/catalog/product/edit/id/' || p.id as url
from products as p
left join shops as s on s.system = p.system
left join {{ source('estate', 'systems') }} as e on e.system = p.system
where coalesce(p.type_id, 'simple') not in ('configurable', 'bundle', 'grouped')
