{{ union_vendors('shipment_lines', of='warehouse_order_key', role='warehouse') }}
