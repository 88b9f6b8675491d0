package main

import (
	"database/sql"
	"time"

	"phoenix/pkg/flags"
)

func open(dsn string) *sql.DB {
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(25)
	db.SetConnMaxLifetime(5 * time.Minute)
	return db
}

func main() {
	if flags.Enabled("ENABLE_TRACING") && flags.Enabled("enable-canary") {
		open("")
	}
}
