-- Records of istag-webhook as DuckDB views. Start DuckDB next to the directory `records`: duckdb -init records.sql
SET TimeZone = 'UTC';
SET VARIABLE files = 'records/**/*.jsonl*'; -- a glob or a list, plain or gzip

-- One row a line: decisions, policies and checkpoints. A line that is no record has no kind.
CREATE OR REPLACE VIEW records AS
  FROM read_json(getvariable('files'), format = 'newline_delimited', ignore_errors = true, filename = true,
    maximum_object_size = 67108864, columns = {
      'format': 'BIGINT',
      'kind': 'VARCHAR',
      'time': 'TIMESTAMP WITH TIME ZONE',
      'webhook': 'VARCHAR',
      'uid': 'VARCHAR',
      'resource': 'VARCHAR',
      'operation': 'VARCHAR',
      'namespace': 'VARCHAR',
      'name': 'VARCHAR',
      'user': 'VARCHAR',
      'groups': 'VARCHAR[]',
      'dryRun': 'BOOLEAN',
      'verdict': 'VARCHAR',
      'allowed': 'BOOLEAN',
      'tags': 'STRUCT("path" VARCHAR, "tag" VARCHAR, "from" VARCHAR, "to" VARCHAR)[]',
      'findings': 'STRUCT("rule" VARCHAR, "mode" VARCHAR, "field" VARCHAR, "message" VARCHAR, "existing" BOOLEAN)[]',
      'patch': 'STRUCT("op" VARCHAR, "path" VARCHAR, "value" JSON)[]',
      'exemption': 'STRUCT("name" VARCHAR, "reason" VARCHAR, "ticket" VARCHAR)',
      'policy': 'STRUCT("name" VARCHAR, "digest" VARCHAR, "documents" JSON[])',
      'version': 'VARCHAR',
      'duration': 'DOUBLE',
      'more': 'STRUCT("tags" BIGINT, "findings" BIGINT, "patch" BIGINT, "groups" BIGINT, "unevaluated" BOOLEAN)',
      'lookupPolicy': 'STRUCT("from" BOOLEAN, "to" BOOLEAN)',
      'traceparent': 'VARCHAR',
      'request': 'JSON',
      'writer': 'STRUCT("pod" VARCHAR, "process" BIGINT, "start" TIMESTAMP WITH TIME ZONE)',
      'seq': 'BIGINT',
      'prev': 'VARCHAR',
      'failed': 'BIGINT',
      'end': 'BOOLEAN',
      'key': 'VARCHAR',
      'signature': 'VARCHAR',
    });

CREATE OR REPLACE VIEW decisions AS FROM records WHERE kind = 'decision';

-- One row a tag of each decision of the validating webhook, which is the last to decide.
-- `admitted`: the API server was free to store it. It runs imports and pushes for real, also as a dry run.
CREATE OR REPLACE VIEW changes AS
  SELECT time, user, groups, namespace, name, resource, operation, dryRun, allowed, exemption, policy, uid, traceparent,
    allowed AND (NOT dryRun OR resource IN ('imagestreamimports', 'imagestreammappings')) AS admitted,
    change.tag AS tag, change."from" AS source_before, change."to" AS source
  FROM (SELECT *, unnest(tags) AS change FROM decisions WHERE webhook = 'validate');

-- The registry of a source of kind DockerImage as it was sent, in lower case; NULL for other kinds.
CREATE OR REPLACE MACRO registry_of(source) AS CASE
  WHEN regexp_matches(source, '^DockerImage ([^/]*[.:][^/]*|localhost)/')
    THEN lower(split_part(split_part(source, ' ', 2), '/', 1))
  WHEN starts_with(source, 'DockerImage ') THEN 'docker.io' END;
