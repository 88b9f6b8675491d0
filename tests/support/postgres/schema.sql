-- The tables of the control plane as far as the rows of the checklist read them, with the types of
-- its migrations, and an hour of work in them.
CREATE TABLE "Pattern" (id text PRIMARY KEY, name text UNIQUE, version text NOT NULL DEFAULT '1.0.0',
    "createdAt" timestamp(3) NOT NULL, "updatedAt" timestamp(3) NOT NULL);
CREATE TABLE "PatternVersion" (id text PRIMARY KEY, "patternId" text NOT NULL, version text NOT NULL,
    "createdAt" timestamp(3) NOT NULL);
CREATE TABLE "Agent" (id text PRIMARY KEY, name text NOT NULL, endpoint text NOT NULL, status text NOT NULL,
    "lastSeen" timestamp(3) NOT NULL);
CREATE TABLE "Execution" (id text PRIMARY KEY, "time" timestamptz NOT NULL DEFAULT now(), "patternId" text,
    status text NOT NULL, input jsonb NOT NULL DEFAULT '{}', result jsonb, confidence double precision,
    "durationMs" integer, "timeoutMs" integer, "startedAt" timestamptz, "nodeId" text,
    "createdAt" timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'));
CREATE TABLE "ExecutionEvent" (id bigserial PRIMARY KEY, "executionId" text NOT NULL, type text NOT NULL,
    "time" timestamptz NOT NULL DEFAULT now());
CREATE TABLE "ConfidenceMetric" (id text PRIMARY KEY, "time" timestamptz NOT NULL);
CREATE TABLE "AuditLog" (id bigserial PRIMARY KEY, "timestamp" timestamptz NOT NULL DEFAULT now(), action text NOT NULL);
CREATE TABLE "User" (id text PRIMARY KEY, email text, "passwordHash" text);
CREATE TABLE "Trigger" (id text PRIMARY KEY, "webhookSecret" text);
CREATE TABLE "ApiKey" (id text PRIMARY KEY, "userId" text NOT NULL, name text NOT NULL, "keyHash" text NOT NULL,
    "keyPrefix" text NOT NULL, permissions jsonb, "expiresAt" timestamp(3), "lastUsedAt" timestamp(3),
    "createdAt" timestamp(3) NOT NULL);
CREATE TABLE threads (id text PRIMARY KEY, status text);
CREATE TABLE "License" (id text);
CREATE TABLE "Session" (id text);
CREATE TABLE "Schedule" (id text);
CREATE TABLE "ScheduleRun" (id text);
CREATE TABLE thread_events (id text);
CREATE TABLE shared_decisions (id text);
CREATE TABLE episodic_experiences (id text);
CREATE TABLE "CredentialGrant" (id text);
CREATE TABLE "Workspace" (id text);
CREATE TABLE _prisma_migrations (migration_name text, checksum text, finished_at timestamptz, rolled_back_at timestamptz);

CREATE UNIQUE INDEX "PatternVersion_patternId_version_key" ON "PatternVersion" ("patternId", version);
CREATE INDEX "Execution_nodeId_status_idx" ON "Execution" ("nodeId", status);
CREATE INDEX idx_execution_time_desc ON "Execution" ("time" DESC);
CREATE INDEX idx_execution_event_time_desc ON "ExecutionEvent" ("time" DESC);
CREATE INDEX idx_execution_event_execution ON "ExecutionEvent" ("executionId");
CREATE INDEX idx_confidence_metric_time_desc ON "ConfidenceMetric" ("time" DESC);
CREATE INDEX threads_status_idx ON threads (status);
CREATE INDEX "AuditLog_timestamp_idx" ON "AuditLog" ("timestamp");

-- One pattern was changed, and has its version.
INSERT INTO "Pattern" (id, name, "createdAt", "updatedAt") VALUES
    ('p1', 'SimpleConsensus', now() AT TIME ZONE 'UTC' - interval '2 days', now() AT TIME ZONE 'UTC' - interval '1 day'),
    ('p2', 'ConsensusBuilder', now() AT TIME ZONE 'UTC' - interval '2 days', now() AT TIME ZONE 'UTC' - interval '2 days');
INSERT INTO "PatternVersion" VALUES ('v1', 'p1', '1.0.1', now() AT TIME ZONE 'UTC' - interval '1 day');
INSERT INTO "Agent" VALUES ('a1', 'one', 'gateway://a1', 'active', now() AT TIME ZONE 'UTC'),
    ('a2', 'two', 'gateway://a2', 'active', now() AT TIME ZONE 'UTC'),
    ('a3', 'three', 'gateway://a3', 'inactive', now() AT TIME ZONE 'UTC' - interval '1 day');
-- Forty executions in the last twenty minutes, a hundred milliseconds each.
INSERT INTO "Execution" (id, "time", "patternId", status, result, confidence, "durationMs", "startedAt")
    SELECT 'e' || n, now() - n * interval '30 seconds', 'p1', 'completed', '{"ok": true}', 0.9, 100,
    now() - n * interval '30 seconds' FROM generate_series(1, 40) n;
INSERT INTO "ExecutionEvent" ("executionId", type, "time")
    SELECT e.id, t.type, e."time" FROM "Execution" e, (VALUES ('started'), ('completed')) AS t (type);
INSERT INTO "AuditLog" ("timestamp", action) VALUES (now() - interval '1 hour', 'login'), (now(), 'backup');
INSERT INTO "User" VALUES ('u1', 'one@example.org', '$2b$12$' || repeat('x', 53)), ('u2', 'sso@example.org', NULL);
INSERT INTO "Trigger" VALUES ('t1', NULL);
INSERT INTO "ApiKey" (id, "userId", name, "keyHash", "keyPrefix", "expiresAt", "lastUsedAt", "createdAt")
    SELECT 'k' || n, 'u1', 'mcp:a' || n, repeat('0' || n, 32), 'plx_0000000' || n, NULL,
    now() AT TIME ZONE 'UTC' - interval '1 hour', now() AT TIME ZONE 'UTC' - interval '10 days'
    FROM generate_series(1, 2) n;

CREATE MATERIALIZED VIEW pattern_performance AS
    SELECT p.id, count(e.id) AS executions FROM "Pattern" p LEFT JOIN "Execution" e ON e."patternId" = p.id GROUP BY p.id;
