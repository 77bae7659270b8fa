#!/bin/sh
# Copies a ledger while its server runs, and proves the copy: deploy/backup.sh DATABASE FOLDER
#
# FOLDER gets a folder named after the moment, readable by its owner alone, with the database, the journal if there is
# one, and the admin token. Exit 0: the copy is whole and verifies. Otherwise nothing is to be relied on.
set -eu
database=$1
into=$2/$(date -u +%Y%m%dT%H%M%SZ)
python=${PYTHON:-python3}
faregate=${FAREGATE:-faregate}

umask 077
mkdir -p "$into"
# The journal first: what it holds may be in the database a moment later, and being in both is harmless.
if [ -s "$database.journal" ]; then cp -p "$database.journal" "$into/$(basename "$database").journal"; fi
# One read transaction on a connection that cannot write: a picture of one moment, however busy the server is.
"$python" -c '
import sqlite3, sys
sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute("VACUUM INTO ?", sys.argv[2:])
' "$database" "$into/$(basename "$database")"
if [ -e "$database.admin-token" ]; then cp -p "$database.admin-token" "$into/"; fi
sync
"$faregate" ledger verify --database "$into/$(basename "$database")"
echo "$into"
