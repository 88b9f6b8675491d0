-- Profile pg-monitor for the Phoenix checklist: the role with which its checks read PostgreSQL.
--
-- Run as a superuser, connected to the application database (`\c phoenix`), once per server. Tried on
-- PostgreSQL 15. Safe to run again. The password is set apart, so that it never stands in a file:
-- `\password readiness`.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'readiness') THEN
        CREATE ROLE readiness LOGIN;
    END IF;
END
$$;

ALTER ROLE readiness NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 8;
ALTER ROLE readiness SET default_transaction_read_only = on;
ALTER ROLE readiness SET statement_timeout = '5s';

-- Activity of other roles, replication, statistics of statements.
GRANT pg_monitor TO readiness;

DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO readiness', current_database());
END
$$;
GRANT USAGE ON SCHEMA phoenix TO readiness;

-- Of the trail who, what and when, and not what was changed; of the audited tables when they were changed, and
-- whether a row has a tenant; of the keys no hash.
GRANT SELECT (id, entity_type, user_id, "timestamp") ON phoenix.audit_logs TO readiness;
GRANT SELECT (created_at, updated_at) ON phoenix.experiments, phoenix.config_templates, phoenix.users, phoenix.tenants
    TO readiness;
GRANT SELECT (id, state) ON phoenix.experiments TO readiness;
GRANT SELECT (created_at) ON phoenix.control_signals TO readiness;
GRANT SELECT (id, created_at, expires_at, last_used_at, revoked_at) ON phoenix.api_keys TO readiness;

-- What experiments found, where it is kept with them.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('phoenix.experiments') AND attname = 'status') THEN
        GRANT SELECT (status) ON phoenix.experiments TO readiness;
    END IF;
END
$$;

-- What experiments measured, and what they are said to have cost.
DO $$
BEGIN
    IF to_regclass('phoenix.experiment_metrics') IS NOT NULL THEN
        GRANT SELECT ON phoenix.experiment_metrics TO readiness;
    END IF;
    IF to_regclass('phoenix.cost_metrics') IS NOT NULL THEN
        GRANT SELECT ON phoenix.cost_metrics TO readiness;
    END IF;
END
$$;

-- Whether hashes look like hashes, counted by the owner of the view: the role sees a number and no row.
CREATE SCHEMA IF NOT EXISTS readiness;
GRANT USAGE ON SCHEMA readiness TO readiness;
CREATE OR REPLACE VIEW readiness.api_key_shapes AS SELECT count(*) FILTER (
    WHERE length(key_hash) < 60 AND key_hash !~ '^[0-9a-fA-F]{64}$') AS odd_key_hashes FROM phoenix.api_keys;
GRANT SELECT ON readiness.api_key_shapes TO readiness;

-- How many rows have no tenant, of the tables of `tenant_tables`, counted in the same way.
CREATE OR REPLACE VIEW readiness.rows_without_tenant AS
    SELECT 'experiments' AS name, count(*) AS rows FROM phoenix.experiments WHERE tenant_id IS NULL
    UNION ALL SELECT 'users', count(*) FROM phoenix.users WHERE tenant_id IS NULL
    UNION ALL SELECT 'audit_logs', count(*) FROM phoenix.audit_logs WHERE tenant_id IS NULL;
GRANT SELECT ON readiness.rows_without_tenant TO readiness;

-- Where rows are kept apart by tenant, the role would see none, and what is counted would be nothing: it may look at
-- all rows, still of the columns above only. The version of the schema has one of two names.
DO $$
DECLARE
    held regclass;
BEGIN
    FOR held IN SELECT oid FROM pg_class WHERE relnamespace = 'phoenix'::regnamespace AND relrowsecurity
    LOOP
        IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = held AND polname = 'readiness') THEN
            EXECUTE format('CREATE POLICY readiness ON %s FOR SELECT TO readiness USING (true)', held);
        END IF;
    END LOOP;
    FOR held IN SELECT to_regclass(name) FROM unnest(ARRAY['public.schema_migrations', 'phoenix.schema_migrations']) AS name
        WHERE to_regclass(name) IS NOT NULL
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO readiness', held);
    END LOOP;
END
$$;
