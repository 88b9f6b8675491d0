CREATE TABLE experiments (id uuid PRIMARY KEY, name text NOT NULL);
