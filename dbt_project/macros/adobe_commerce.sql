{# Orders of Adobe Commerce with what its staging views share: `lines`, the items that are lines of the order, and `goods`,
   those of them that are shipped, each with its quantities.

   A configurable comes as two items, a bundle as its parent and its parts: the parent is the line. Of a bundle whose parts
   travel apart the parts are lines too, and they are the goods. No item says how its bundle travels; its product does, as
   it is set now (attribute shipment_type, INFERRED). What was refunded or cancelled of such a bundle was so of its parts.
   `apart` holds the ids of such parents. #}
{% macro adobe_commerce_orders() %}
    select
        o.*,
        list_filter(o.items, lambda i: i.parent_item_id is null or list_contains(o.apart, i.parent_item_id)) as lines,
        list_transform(
            list_filter(
                o.items,
                lambda i: coalesce(i.is_virtual, 0) = 0
                and coalesce(i.product_type, '') not in ('virtual', 'downloadable')
                and case
                    when i.parent_item_id is null then not list_contains(o.apart, i.item_id)
                    else list_contains(o.apart, i.parent_item_id)
                end
            ),
            lambda i: {
                'item': i,
                'qty': greatest(i.qty_ordered - {{ _adobe_commerce_of('qty_canceled') }}, 0),
                'current_qty': greatest(
                    i.qty_ordered - {{ _adobe_commerce_of('qty_canceled') }} - {{ _adobe_commerce_of('qty_refunded') }}, 0
                ),
                'sent': coalesce(i.qty_shipped, 0),
                -- what waits is what the shop itself would let be shipped: neither sent, nor refunded, nor cancelled
                'waiting': greatest(
                    i.qty_ordered
                    - greatest(coalesce(i.qty_shipped, 0), {{ _adobe_commerce_of('qty_refunded') }})
                    - {{ _adobe_commerce_of('qty_canceled') }},
                    0
                )
            }
        ) as goods
    from (
        select
            r.*,
            list_transform(
                list_filter(r.items, lambda i: i.product_type = 'bundle' and list_contains(b.ids, i.product_id)), lambda i: i.item_id
            ) as apart
        from {{ source('adobe_commerce', 'orders') }} as r
        left join (
            select
                system,
                list(id) as ids
            from {{ source('adobe_commerce', 'products') }}
            where
                type_id = 'bundle'
                and list_filter(custom_attributes, lambda a: a.attribute_code = 'shipment_type')[1].value ->> '$' = '1'
            group by system
        ) as b on b.system = r.system
    ) as o
{% endmacro %}

{# So many units of item i, its own or by its share of its bundle's. #}
{% macro _adobe_commerce_of(quantity) -%}
greatest(
                    coalesce(i.{{ quantity }}, 0),
                    coalesce(i.qty_ordered * list_transform(
                        list_filter(o.items, lambda p: p.item_id = i.parent_item_id and list_contains(o.apart, p.item_id)),
                        lambda p: p.{{ quantity }} / nullif(p.qty_ordered, 0)
                    )[1], 0)
                )
{%- endmacro %}

{# When each order was read last: an invoice says when an order was paid, and is read by a stream of its own. The latest
   reading of either is the order's, and that of its lines and payments. #}
{% macro adobe_commerce_last_read() %}
    select
        system,
        order_id,
        max(read_at) as read_at
    from (
        select
            system,
            entity_id as order_id,
            _read_at as read_at
        from {{ source('adobe_commerce', 'orders') }}
        union all
        select
            system,
            order_id,
            greatest(_read_at, _gone_at)
        from {{ source('adobe_commerce', 'invoices') }}
    )
    group by all
{% endmacro %}
