package store

import (
	"database/sql"

	"phoenix/pkg/flags"
)

func Open(dsn string) (*sql.DB, error) {
	db, err := sql.Open("postgres", dsn)
	if err != nil || flags.Enabled("ENABLE_VPA") {
		return nil, err
	}
	db.SetMaxOpenConns(25)
	return db, nil
}
