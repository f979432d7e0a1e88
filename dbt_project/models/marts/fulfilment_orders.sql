{{ union_vendors('fulfilment_orders') }}
