-- A variant is an item; a plain product has one. A price is in the store's currency, a weight in the store's unit.
with counted as (
    select
        *,
        count(*) filter (where _gone_at is null) over (partition by system, product_id) as variants_qty
    from {{ source('bigcommerce', 'variants') }}
)

select
    v.system || ':' || v.id as item_key,
    v.system,
    v.id::varchar as item_id,
    case
        when p.inventory_tracking = 'product' and v.variants_qty = 1 then 'product_id=' || v.product_id
        when p.inventory_tracking = 'product' then null
        else 'variant_id=' || v.id
    end as inventory_item_id,
    v.product_id::varchar as product_id,
    case when trim(v.sku) <> '' then v.sku end as sku,
    nullif(trim(p.name), '')
    || coalesce(' - ' || nullif(array_to_string(list_transform(v.option_values, lambda o: o.label), ', '), ''), '') as title,
    nullif(trim(v.upc), '') as barcode,
    nullif(round(
        coalesce(v.weight, p.weight) * case lower(t.weight_units)
            when 'grams' then 1
            when 'kgs' then 1000
            when 'kilograms' then 1000
            when 'ounces' then 28.349523125
            when 'lbs' then 453.59237
            when 'pounds' then 453.59237
            when 'tonnes' then 1000000
        end
    ), 0)::bigint as weight_grams,
    null::varchar as origin_country_code,
    null::varchar as hs_code,
    coalesce(v.price, v.calculated_price, p.price)::decimal(18, 4) as price_amount,
    t.currency,
    coalesce(p.is_visible, false)
    and coalesce(p.availability, 'available') <> 'disabled'
    and not coalesce(v.purchasing_disabled, false)
    and v._gone_at is null
    and p._gone_at is null as is_active,
    coalesce(p.inventory_tracking, 'none') <> 'none' as is_tracked,
    p.date_modified as updated_at,
    s.admin_url || '/manage/products/edit/' || v.product_id as url
from counted as v
left join {{ source('bigcommerce', 'products') }} as p on p.system = v.system and p.id = v.product_id
left join {{ source('bigcommerce', 'store') }} as t on t.system = v.system
left join {{ source('estate', 'systems') }} as s on s.system = v.system
