{{ union_vendors('warehouse_orders') }}
