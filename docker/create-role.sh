#!/bin/sh
# Run once by the image of PostgreSQL, when its volume is new: the server's own database, and its role, which owns
# that and is no superuser.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\set password `cat "${PORTCULLIS_PASSWORD_FILE:-/run/secrets/portcullis_password}"`
CREATE ROLE portcullis LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
-- By its messages the server tells an outage from a bug, and only a superuser may choose their language.
ALTER ROLE portcullis SET lc_messages = 'C';
CREATE DATABASE portcullis OWNER portcullis;
REVOKE ALL ON DATABASE portcullis FROM PUBLIC;
SQL
