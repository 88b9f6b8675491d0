CREATE TABLE pipelines (id uuid PRIMARY KEY, experiment_id uuid NOT NULL REFERENCES experiments (id));
CREATE INDEX idx_pipelines_experiment_id ON pipelines (experiment_id);
