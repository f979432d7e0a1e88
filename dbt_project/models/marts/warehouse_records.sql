{{ union_vendors('warehouse_orders', of='warehouse_order_key', role='warehouse') }}
