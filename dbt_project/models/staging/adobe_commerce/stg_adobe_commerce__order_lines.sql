-- A configurable comes as two items: the parent has price, tax and quantities, the child the SKU. The parent is the line.
-- Of a bundle, too, the parent is the line, under its own SKU; where its parts travel apart they are lines beside it, each
-- with the price the shop gives it, and the parent keeps what is left of its own. Prices are before tax.
with orders as (
    {{ adobe_commerce_orders() }}
),

lines as (
    select
        system,
        entity_id,
        base_currency_code,
        items,
        apart,
        goods,
        unnest(lines) as line
    from orders
),

last_read as (
    {{ adobe_commerce_last_read() }}
),

named as (
    select
        *,
        case
            when line.product_type = 'configurable' then list_filter(items, lambda i: i.parent_item_id = line.item_id)[1]
        end as child,
        list_filter(goods, lambda g: g.item.item_id = line.item_id)[1] as good,
        list_filter(items, lambda i: i.parent_item_id = line.item_id and list_contains(apart, line.item_id)) as parts
    from lines
),

priced as (
    select
        *,
        coalesce(list_sum(list_transform(parts, lambda i: i.base_price * i.qty_ordered)), 0) / nullif(line.qty_ordered, 0)
            as parts_price,
        coalesce(list_sum(list_transform(
            parts, lambda i: abs(coalesce(i.base_discount_amount, 0)) - coalesce(i.base_discount_tax_compensation_amount, 0)
        )), 0) as parts_discount,
        coalesce(list_sum(list_transform(parts, lambda i: i.base_tax_amount)), 0) as parts_tax
    from named
)

select
    o.system || ':' || o.line.item_id as order_line_key,
    o.system || ':' || o.entity_id as order_key,
    o.system,
    o.line.item_id::varchar as line_id,
    coalesce(nullif(trim(o.child.sku), ''), nullif(trim(o.line.sku), '')) as sku,
    nullif(trim(o.line.name), '') as title,
    o.line.qty_ordered::bigint as ordered_qty,
    coalesce(
        o.good.current_qty,
        greatest(o.line.qty_ordered - coalesce(o.line.qty_canceled, 0) - coalesce(o.line.qty_refunded, 0), 0)
    )::bigint as current_qty,
    greatest(o.line.base_price - coalesce(o.parts_price, 0), 0)::decimal(18, 4) as unit_price_amount,
    case
        when len(o.parts) > 0 then greatest(
            abs(coalesce(o.line.base_discount_amount, 0))
            - coalesce(o.line.base_discount_tax_compensation_amount, 0)
            - o.parts_discount,
            0
        )
        else abs(coalesce(o.line.base_discount_amount, 0)) - coalesce(o.line.base_discount_tax_compensation_amount, 0)
    end::decimal(18, 4) as discount_amount,
    greatest(coalesce(o.line.base_tax_amount, 0) - o.parts_tax, 0)::decimal(18, 4) as tax_amount,
    (coalesce(o.line.tax_percent, 0) / 100)::double as tax_rate,
    null::varchar as tax_code,
    o.base_currency_code as currency,
    o.good is not null as requires_shipping,
    coalesce(o.child.product_id, o.line.product_id)::varchar as item_id,
    r.read_at
from priced as o
inner join last_read as r on r.system = o.system and r.order_id = o.entity_id
