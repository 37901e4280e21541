#!/usr/bin/env bash
# The task as a shell script: POSTs with curl, questions with psql, for Preview and then for production.
# Exit 1 where something is wrong, which stderr says. It deletes the rows that it has made.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run=bench-script-$$-$(date +%s)
wrong=0

complain() { echo "$name: $*" >&2; wrong=1; }

ask() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 --set "run=$run" "$dsn"; }

post() {  # number
    curl --silent --show-error --max-time 10 --output "$work/$1.json" --write-out '%{http_code}\n' \
        --header 'Content-Type: application/json' --data "{\"name\": \"$run-$1\", \"require_auth\": false}" \
        "$url/api/chatbots" >"$work/$1.status" || true  # no answer is status 000
}

verify() {  # name, URL, DSN
    name=$1 url=$2 dsn=$3
    for n in 1 2 3; do post "$n"; done
    for n in {4..19}; do post "$n" & done
    wait

    for n in {1..19}; do
        [ "$(cat "$work/$n.status")" = 201 ] || complain "POST $n answered $(cat "$work/$n.status"), not 201"
    done
    grep --only-matching --no-filename '"public_token": *"[^"]*"' "$work"/*.json | sort >"$work/tokens" || true
    [ "$(uniq "$work/tokens" | wc --lines)" = 19 ] || complain "there are not 19 distinct tokens"

    ask >"$work/answers" <<'SQL' || complain "the database could not be asked"
SELECT public_token FROM chatbots GROUP BY public_token HAVING count(*) > 1;
SELECT 'type ' || data_type FROM information_schema.columns
 WHERE table_name = 'chatbots' AND column_name = 'public_token';
SELECT 'default ' || column_default FROM information_schema.columns
 WHERE table_name = 'chatbots' AND column_name = 'public_token';
SELECT 'unique' FROM pg_indexes
 WHERE tablename = 'chatbots' AND indexdef ~ 'UNIQUE .*\(public_token\)' LIMIT 1;
SQL
    grep --quiet '^type uuid$' "$work/answers" || complain "the column is no uuid"
    grep --quiet --extended-regexp '^default .*(uuid_generate_v4|gen_random_uuid)\(\)' "$work/answers" ||
        complain "the default makes no UUID"
    grep --quiet '^unique$' "$work/answers" || complain "there is no unique index"
    if grep --quiet --invert-match --extended-regexp '^(type|default|unique)' "$work/answers"; then
        complain "tokens are stored twice: $(grep --invert-match --extended-regexp '^(type|default|unique)' "$work/answers")"
    fi
    ask <<'SQL' || complain "rows named $run may be left behind"
DELETE FROM chatbots WHERE name LIKE :'run' || '-%';
SQL
    rm -f "$work"/*
}

verify preview "$PREVIEW_URL" "$PREVIEW_POSTGRES_URL"
verify production "$PRODUCTION_URL" "$POSTGRES_URL"
exit "$wrong"
