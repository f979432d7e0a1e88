{{ union_vendors('fulfilment_order_lines') }}
