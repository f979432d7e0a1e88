-- Of each order whose system tells brands apart by SKU, whether any of its lines is ours; null where none has a SKU.
{%- if var('scopes', {}) %}
{%- set shared = {'system': 'varchar', 'sku': 'varchar', 'read_at': 'timestamptz'} %}
select
    record_key,
    bool_or({{ has_our_prefix('system', 'sku') }}) as has_our_sku,
    read_at
from (
    select
        order_key as record_key,
        system,
        sku,
        read_at
    from ({{ gathered('order_lines', dict({'order_key': 'varchar'}, **shared)) }})
    union all
    select
        warehouse_order_key,
        split_part(warehouse_order_key, ':', 1),
        sku,
        read_at
    from ({{ gathered('warehouse_order_lines', {'warehouse_order_key': 'varchar', 'sku': 'varchar', 'read_at': 'timestamptz'}) }})
)
where {{ tells_by_sku('system') }}
group by record_key, read_at
{%- else %}
{{ no_rows() }}
{%- endif %}
