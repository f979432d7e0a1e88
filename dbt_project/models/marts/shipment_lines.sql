{{ union_vendors('shipment_lines') }}
