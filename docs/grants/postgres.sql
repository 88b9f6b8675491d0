-- Profile pg-monitor: the role with which the checks of the Parallax checklist read PostgreSQL.
--
-- Run as a superuser, connected to the application database (`\c parallax`), once per server.
-- Tried on PostgreSQL 15. Safe to run again. The password is set apart, so that it never stands
-- in a file: `\password readiness`.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'readiness') THEN
        CREATE ROLE readiness LOGIN;
    END IF;
END
$$;

ALTER ROLE readiness NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    -- More than the exporter runs at once against one target (engine.per_target, 4): the server counts
    -- a session that is closing for a moment longer.
    CONNECTION LIMIT 10;
-- A second lock behind the read-only transactions of the exporter itself.
ALTER ROLE readiness SET default_transaction_read_only = on;
ALTER ROLE readiness SET statement_timeout = '5s';

-- Activity of other roles, replication, all settings.
GRANT pg_monitor TO readiness;
-- The identity of the cluster. PUBLIC has this right unless it was taken away.
GRANT EXECUTE ON FUNCTION pg_control_system() TO readiness;

DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO readiness', current_database());
END
$$;
GRANT USAGE ON SCHEMA public TO readiness;

-- Only these tables, and of "ApiKey" only the columns that hold no hash. A table that does not
-- exist yet is left out with a notice: run the file again after the migrations.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['_prisma_migrations', 'Execution', 'ExecutionEvent', 'Agent',
                                'Pattern', 'PatternVersion', 'AuditLog']
    LOOP
        IF to_regclass(format('public.%I', name)) IS NULL THEN
            RAISE NOTICE 'table public.% does not exist, no grant made', name;
        ELSE
            EXECUTE format('GRANT SELECT ON public.%I TO readiness', name);
        END IF;
    END LOOP;
    IF to_regclass('public."ApiKey"') IS NULL THEN
        RAISE NOTICE 'table public.ApiKey does not exist, no grant made';
    ELSE
        GRANT SELECT (id, "keyPrefix", "createdAt", "expiresAt", "lastUsedAt")
            ON public."ApiKey" TO readiness;
    END IF;
END
$$;
