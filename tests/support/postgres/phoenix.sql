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
    created_by text REFERENCES users (id), created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
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
INSERT INTO experiments VALUES ('e1', 'first', 'running', 'tenant-001', 'u1'), ('e2', 'second', 'running', 'tenant-002', 'u2');
INSERT INTO control_signals VALUES ('s1', 'e1');
INSERT INTO config_templates VALUES ('t1', 'process-topk-v1');
INSERT INTO api_keys VALUES ('k1', 'collector', repeat('0a', 32), now() + interval '90 days', now() - interval '1 day', now() - interval '10 days', NULL),
    ('k2', 'old', repeat('0b', 32), NULL, NULL, now() - interval '300 days', now() - interval '200 days');

-- As golang-migrate keeps it.
CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO public.schema_migrations VALUES (2, false);
