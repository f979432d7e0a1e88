{{ union_vendors('warehouse_orders', role='warehouse') }}
