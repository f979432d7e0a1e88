{{ union_vendors('shipments', of='warehouse_order_key', role='warehouse') }}
