{{ union_vendors('warehouse_order_lines', role='warehouse') }}
