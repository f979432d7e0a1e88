-- Patchworks' raw tables: the vendor's names and nesting, typed. A payload's content has no column here: it holds persons,
-- and stays in the landed file. Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS patchworks.flows (
    id BIGINT,
    name VARCHAR,
    status VARCHAR,
    is_enabled BOOLEAN,
    enabled_at TIMESTAMPTZ,
    deployed_at TIMESTAMPTZ,
    format VARCHAR,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ
);

-- What the includes give is not documented in its shape, so anything is let in.
CREATE TABLE IF NOT EXISTS patchworks.flow_runs (
    id BIGINT,
    name VARCHAR,
    status BIGINT,
    flow_id BIGINT,
    flow_version_id BIGINT,
    user_id BIGINT,
    trigger VARCHAR,
    summary VARCHAR,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    duration DOUBLE,
    retry_flow_run_id BIGINT,
    has_warnings BOOLEAN,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    tracked_data JSON,
    operations_sent JSON,
    operations_received JSON
);

CREATE TABLE IF NOT EXISTS patchworks.queue (
    id BIGINT,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    flow_version_id BIGINT,
    virtual_environment_version_id BIGINT,
    payload_metadata_id BIGINT,
    trigger VARCHAR,
    status VARCHAR,
    flow STRUCT(id BIGINT, name VARCHAR)
);

CREATE TABLE IF NOT EXISTS patchworks.run_logs (
    id BIGINT,
    flow_run_id BIGINT,
    created_at TIMESTAMPTZ,
    log_level VARCHAR,
    log_message VARCHAR,
    flow_step_id BIGINT,
    payload_metadata_id BIGINT
);

-- From copy_state on: what was made of the payload itself when it was copied.
CREATE TABLE IF NOT EXISTS patchworks.payloads (
    id BIGINT,
    log_id BIGINT,
    flow_run_id BIGINT,
    flow_version_id BIGINT,
    flow_step_id BIGINT,
    payload_store_reference VARCHAR,
    payload_size BIGINT,
    dropped BOOLEAN,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    copy_state VARCHAR,
    content_size BIGINT,
    content_sha256 VARCHAR,
    content_references VARCHAR[]
);
