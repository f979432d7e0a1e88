{{ union_vendors('delivery_methods') }}
