-- Every order of the channels and of the warehouses, another brand's among them, with what tells whose it is. Empty where
-- no system has a scope: nothing asks then.
{%- if var('scopes', {}) %}
{%- set orders = {'order_key': 'varchar', 'order_name': 'varchar'} %}
{%- set records = {'warehouse_order_key': 'varchar', 'reference': 'varchar'} %}
{%- set shared = {'system': 'varchar', 'channel_id': 'varchar', 'read_at': 'timestamptz', 'gone_at': 'timestamptz'} %}
select
    record_key,
    system,
    is_sold,
    reference,
    channel_id,
    read_at,
    greatest(read_at, gone_at) as stamped_at
from (
    select
        order_key as record_key,
        system,
        true as is_sold,
        order_name as reference,
        channel_id,
        read_at,
        gone_at
    from ({{ gathered('orders', dict(orders, **shared)) }})
    union all
    select
        warehouse_order_key,
        system,
        false,
        {{ base_reference('reference') }},
        channel_id,
        read_at,
        gone_at
    from ({{ gathered('warehouse_orders', dict(records, **shared)) }})
)
{%- else %}
{{ no_rows() }}
{%- endif %}
