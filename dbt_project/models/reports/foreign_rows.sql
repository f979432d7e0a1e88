-- Of systems that share their account with another brand: how many rows were read of each thing, and whose they are. The
-- three are counted apart: read by the vendors' views, ours by the marts, foreign by what a scope leaves out.
{%- set of_orders = [
    ('orders', 'orders', 'order_key'),
    ('order_lines', 'order_lines', 'order_key'),
    ('fulfilment_orders', 'fulfilment_orders', 'order_key'),
    ('fulfilments', 'fulfilments', 'order_key'),
    ('payments', 'payments', 'order_key'),
    ('refunds', 'refunds', 'order_key'),
    ('warehouse_orders', 'warehouse_records', 'warehouse_order_key'),
    ('allocations', 'allocations', 'warehouse_order_key'),
    ('shipments', 'shipment_records', 'warehouse_order_key'),
    ('warehouse_returns', 'warehouse_returns', 'warehouse_order_key'),
] -%}
{%- set of_items = ['items', 'stock', 'channel_stock'] %}
with counted as (
    {%- for view, mart, key in of_orders if var('scopes', {}) %}
    select
        r.system,
        '{{ view }}' as entity,
        count(*) as rows_read,
        0 as rows_ours,
        count(*) filter (where r.{{ key }} in (select record_key from {{ ref('foreign_records') }})) as rows_foreign
    from ({{ gathered(view, {'system': 'varchar', key: 'varchar'}) }}) as r
    group by r.system
    union all
    select
        system,
        '{{ view }}',
        0,
        count(*),
        0
    from {{ ref(mart) }}
    group by system
    union all
    {%- endfor %}
    {%- for mart in of_items if var('scopes', {}) %}
    select
        r.system,
        '{{ mart }}' as entity,
        count(*) as rows_read,
        0 as rows_ours,
        count(*) filter (where not {{ has_our_prefix('r.system', 'r.sku') }}) as rows_foreign
    from ({{ gathered(mart, {'system': 'varchar', 'sku': 'varchar'}) }}) as r
    group by r.system
    union all
    select
        system,
        '{{ mart }}',
        0,
        count(*),
        0
    from {{ ref(mart) }}
    group by system
    union all
    {%- endfor %}
    select
        null::varchar as system,
        null::varchar as entity,
        0 as rows_read,
        0 as rows_ours,
        0 as rows_foreign
    where false
)

select
    system,
    entity,
    sum(rows_read)::bigint as rows_read,
    sum(rows_ours)::bigint as rows_ours,
    sum(rows_foreign)::bigint as rows_foreign,
    sum(rows_read) = sum(rows_ours) + sum(rows_foreign) as is_balanced
from counted
where {{ shares_its_account('system') }}
group by system, entity
