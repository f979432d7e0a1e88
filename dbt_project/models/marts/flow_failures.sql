{{ union_vendors('flow_failures') }}
