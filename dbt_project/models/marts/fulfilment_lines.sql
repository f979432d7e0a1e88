{{ union_vendors('fulfilment_lines') }}
