{# When each order was read last: what it is made of is read by streams of their own. The latest reading of any of it is the
   order's, and its lines'. #}
{% macro fulfil_last_read() %}
    select
        system,
        order_id,
        max(read_at) as read_at
    from (
        select
            system,
            id as order_id,
            _read_at as read_at
        from {{ source('fulfil', 'orders') }}
        union all
        select
            system,
            sale,
            _read_at
        from {{ source('fulfil', 'order_lines') }}
        union all
        select
            p.system,
            p.order_id,
            s._read_at
        from ({{ _fulfil_parts() }}) as p
        inner join {{ source('fulfil', 'shipments') }} as s on s.system = p.system and s.id = p.shipment_id
        union all
        select
            o.system,
            o.order_id,
            m._read_at
        from (
            select
                p.system,
                p.order_id,
                unnest(s.outgoing_moves) as move_id
            from ({{ _fulfil_parts() }}) as p
            inner join {{ source('fulfil', 'shipments') }} as s on s.system = p.system and s.id = p.shipment_id
        ) as o
        inner join {{ source('fulfil', 'moves') }} as m on m.system = o.system and m.id = o.move_id
    )
    group by all
{% endmacro %}

{% macro _fulfil_parts() -%}
select
            system,
            id as order_id,
            unnest(shipments) as shipment_id
        from {{ source('fulfil', 'orders') }}
{%- endmacro %}
