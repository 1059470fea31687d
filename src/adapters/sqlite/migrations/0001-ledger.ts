/**
 * Bodies are JSON, as the engine gave them; columns beside a body exist only to find it again. `shadow` is '' for the
 * classic shadow. Uniqueness of command.id is kept by the one writer, which looks a command up before it stores it: the
 * look-up index carries what lists filter by, so that a list never opens a row that it does not show.
 *
 * live     2 open, 1 ended but evidence or a guarded write can still change it, 0 settled
 * command  of a write: one that it carries and that is still here; pruning moves on to the next. '' if it carries none
 */
export const LEDGER_0001 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID;

CREATE TABLE command (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  thing TEXT NOT NULL,
  shadow TEXT NOT NULL,
  status TEXT NOT NULL,
  live INTEGER NOT NULL CHECK (live IN (0, 1, 2)),
  author TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  revision INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX command_list ON command (id, status, created_at, author);
CREATE INDEX command_thing ON command (thing, id);
CREATE INDEX command_open ON command (thing, shadow, expires_at) WHERE live = 2;
CREATE INDEX command_revisable ON command (thing, shadow) WHERE live = 1;
CREATE INDEX command_ended ON command (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE timeline (sequence INTEGER PRIMARY KEY, command TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX timeline_command ON timeline (command);

CREATE TABLE write (
  id TEXT PRIMARY KEY,
  thing TEXT NOT NULL,
  shadow TEXT NOT NULL,
  open INTEGER NOT NULL CHECK (open IN (0, 1)),
  command TEXT NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX write_open ON write (thing, shadow) WHERE open = 1;
CREATE INDEX write_command ON write (command);

CREATE TABLE shadow (
  number INTEGER PRIMARY KEY,
  thing TEXT NOT NULL,
  shadow TEXT NOT NULL,
  view TEXT,
  UNIQUE (thing, shadow)
);

CREATE TABLE presence (thing TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE drift (
  thing TEXT NOT NULL,
  shadow TEXT NOT NULL,
  field TEXT NOT NULL,
  cause TEXT NOT NULL,
  author TEXT,
  first_seen_at INTEGER NOT NULL,
  flaps INTEGER NOT NULL,
  ignored INTEGER NOT NULL,
  acknowledged INTEGER NOT NULL,
  ended_command TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (thing, shadow, field)
) WITHOUT ROWID;
CREATE INDEX drift_age ON drift (first_seen_at);
CREATE INDEX drift_flaps ON drift (flaps);
CREATE INDEX drift_held ON drift (ended_command) WHERE ended_command IS NOT NULL AND acknowledged = 0;

CREATE TABLE ignore_rule (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE idempotency (key TEXT PRIMARY KEY, command TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX idempotency_command ON idempotency (command);
`;
