-- Products the account knows, by our SKU. Two SKUs of one code clash: neither is active, so orders with them are held. What
-- a product master holds is not told.
select
    system || ':' || OurSKU as item_key,
    system,
    ProductCode as item_id,
    null::varchar as inventory_item_id,
    null::varchar as product_id,
    OurSKU as sku,
    null::varchar as title,
    null::varchar as barcode,
    null::bigint as weight_grams,
    null::varchar as origin_country_code,
    null::varchar as hs_code,
    null::decimal(18, 4) as price_amount,
    null::varchar as currency,
    Clashes is null as is_active,
    true as is_tracked,
    _changed_at as updated_at,
    null::varchar as url
from {{ source('seko', 'products') }}
where IsKnown
