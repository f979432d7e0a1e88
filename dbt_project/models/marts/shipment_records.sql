{{ union_vendors('shipments', role='warehouse') }}
