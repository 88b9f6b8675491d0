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
    -- As many logins as one daemon runs at once against one target (engine.per_target, 4); it waits for
    -- the server to close a session before it begins another. Three were enough for thirteen rows at
    -- once on a server nearby; where answers are slow four overlap, and one of them would be told "too
    -- many connections for role", which is no verdict about the server. One more is held open for each
    -- target to hear of an outage at once (engine.watch), and several targets may be databases of one
    -- server.
    CONNECTION LIMIT 8;
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
        GRANT SELECT (id, "userId", name, "keyPrefix", permissions, "createdAt", "expiresAt", "lastUsedAt")
            ON public."ApiKey" TO readiness;
    END IF;
END
$$;

-- Whether hashes look like hashes, counted by the owner of the view: the role sees three numbers and
-- no row. In a schema of its own, so that the migrations of the product do not meet it.
CREATE SCHEMA IF NOT EXISTS readiness;
GRANT USAGE ON SCHEMA readiness TO readiness;
DO $$
BEGIN
    IF to_regclass('public."User"') IS NULL OR to_regclass('public."ApiKey"') IS NULL
        OR to_regclass('public."Trigger"') IS NULL THEN
        RAISE NOTICE 'a table of secrets does not exist, no view made';
    ELSE
        CREATE OR REPLACE VIEW readiness.secret_shapes AS SELECT
            (SELECT count(*) FROM public."User" WHERE length("passwordHash") < 60) AS short_password_hashes,
            (SELECT count(*) FROM public."ApiKey" WHERE length("keyHash") <> 64) AS odd_key_hashes,
            (SELECT count(*) FROM public."Trigger" WHERE "webhookSecret" IS NOT NULL) AS plain_webhook_secrets;
        GRANT SELECT ON readiness.secret_shapes TO readiness;
    END IF;
END
$$;
