-- The tables of the Phoenix Platform as far as the rows of its checklist read them, with the names of its
-- migrations, repaired where those do not run: the trigger finds the trail, and rows are kept apart by tenant.
-- The trail belongs to another role than the application, which can only add to it.
CREATE EXTENSION pg_stat_statements;
CREATE SCHEMA phoenix;
GRANT USAGE ON SCHEMA phoenix TO phoenix;
SET search_path TO phoenix, public;

CREATE TABLE tenants (id text PRIMARY KEY, name text NOT NULL, created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now());
CREATE TABLE users (id text PRIMARY KEY, email text NOT NULL UNIQUE, password_hash text NOT NULL,
    tenant_id text REFERENCES tenants (id), created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE experiments (id text PRIMARY KEY, name text NOT NULL, state text NOT NULL, tenant_id text REFERENCES tenants (id),
    created_by text REFERENCES users (id), created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
    status jsonb);
CREATE TABLE control_signals (id text PRIMARY KEY, experiment_id text NOT NULL REFERENCES experiments (id),
    created_at timestamptz DEFAULT now());
CREATE TABLE config_templates (id text PRIMARY KEY, name text NOT NULL UNIQUE, created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now());
CREATE TABLE api_keys (id text PRIMARY KEY, name text NOT NULL, key_hash text NOT NULL UNIQUE,
    expires_at timestamptz, last_used_at timestamptz, created_at timestamptz DEFAULT now(), revoked_at timestamptz);
CREATE TABLE audit_logs (id bigserial PRIMARY KEY, entity_type text NOT NULL, entity_id text NOT NULL,
    action text NOT NULL, user_id text, tenant_id text, "timestamp" timestamptz DEFAULT now());
CREATE INDEX idx_users_tenant_id ON users (tenant_id);
CREATE INDEX idx_experiments_tenant_id ON experiments (tenant_id);
CREATE INDEX idx_experiments_created_by ON experiments (created_by);
CREATE INDEX idx_control_signals_experiment_id ON control_signals (experiment_id);
CREATE INDEX idx_audit_logs_timestamp ON audit_logs ("timestamp" DESC);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, users, experiments, control_signals, config_templates, api_keys TO phoenix;
GRANT SELECT, INSERT ON audit_logs TO phoenix;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE experiments ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON users TO phoenix USING (tenant_id = current_setting('app.current_tenant', true));
CREATE POLICY tenant ON experiments TO phoenix USING (tenant_id = current_setting('app.current_tenant', true));
CREATE POLICY tenant ON audit_logs TO phoenix USING (tenant_id = current_setting('app.current_tenant', true));

CREATE FUNCTION audit_trigger_function() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO phoenix.audit_logs (entity_type, entity_id, action, user_id, tenant_id)
        VALUES (TG_TABLE_NAME, changed.id, TG_OP, current_setting('app.current_user', true),
            coalesce(to_jsonb(changed) ->> 'tenant_id', 'platform'));
    RETURN NULL;
END $$;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['experiments', 'control_signals', 'config_templates', 'users', 'api_keys', 'tenants']
    LOOP
        EXECUTE format('CREATE TRIGGER audit_%s AFTER INSERT OR UPDATE OR DELETE ON phoenix.%I
            FOR EACH ROW EXECUTE FUNCTION phoenix.audit_trigger_function()', name, name);
    END LOOP;
END $$;

SELECT set_config('app.current_user', 'admin', false);
INSERT INTO tenants VALUES ('tenant-001', 'One'), ('tenant-002', 'Two');
INSERT INTO users VALUES ('u1', 'one@example.org', 'x', 'tenant-001'), ('u2', 'two@example.org', 'x', 'tenant-002');
INSERT INTO experiments SELECT 'e' || n, 'experiment ' || n, CASE WHEN n < 5 THEN 'running' ELSE 'completed' END, 'tenant-00' || 1 + n % 2,
    'u' || 1 + n % 2, now() - interval '2 hours' FROM generate_series(1, 5) n;
INSERT INTO control_signals VALUES ('s1', 'e1');
INSERT INTO config_templates VALUES ('t1', 'process-topk-v1');
INSERT INTO api_keys VALUES ('k1', 'collector', repeat('0a', 32), now() + interval '90 days', now() - interval '1 day', now() - interval '10 days', NULL),
    ('k2', 'old', repeat('0b', 32), NULL, NULL, now() - interval '300 days', now() - interval '200 days');

-- As golang-migrate keeps it.
CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO public.schema_migrations VALUES (2, false);
-- What experiments found: for two hours, every ten minutes, two processes with the baseline and one with the candidate.
CREATE TABLE experiment_metrics (id bigserial PRIMARY KEY, experiment_id text NOT NULL, pipeline_type text NOT NULL,
    metric_name text NOT NULL, value double precision NOT NULL, collected_at timestamptz NOT NULL);
INSERT INTO experiment_metrics (experiment_id, pipeline_type, metric_name, value, collected_at)
    SELECT e.id, p.name, 'cardinality', p.cardinality, now() - make_interval(mins => 5 + 10 * n)
    FROM experiments e, (VALUES ('baseline', 2), ('candidate', 1)) AS p (name, cardinality), generate_series(0, 11) n;
CREATE TABLE platform_metrics (id bigserial PRIMARY KEY, name text NOT NULL, value double precision NOT NULL);
INSERT INTO platform_metrics (name, value) SELECT 'cpu', n FROM generate_series(1, 500) n;
-- Of each of the last four months two experiments, which cost about what was billed.
CREATE TABLE cost_metrics (id bigserial PRIMARY KEY, experiment_id text NOT NULL, estimated_cost numeric NOT NULL,
    period_start timestamptz NOT NULL, period_end timestamptz NOT NULL);
INSERT INTO cost_metrics (experiment_id, estimated_cost, period_start, period_end)
    SELECT e.id, e.share * c.cost, (m.at - make_interval(months => c.ago)) AT TIME ZONE 'UTC',
    (m.at - make_interval(months => c.ago - 1)) AT TIME ZONE 'UTC'
    FROM (VALUES ('e1', 0.5), ('e2', 0.5)) AS e (id, share), (VALUES (1, 114.0), (2, 105.0), (3, 84.0), (4, 80.0)) AS c (ago, cost),
    (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AS at) AS m;
