{{ union_vendors('shipments') }}
