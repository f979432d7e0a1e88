{{ union_vendors('flow_runs') }}
