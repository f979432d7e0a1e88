{{ union_vendors('shipment_lines', role='warehouse') }}
